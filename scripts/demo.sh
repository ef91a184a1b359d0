#!/usr/bin/env bash
# The first five minutes with storewatch: some data, an import, the classic report, the service. Called by `make demo`.
set -euo pipefail

storewatch() { "$BIN/storewatch" "$@"; }
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
export STOREWATCH_HOME="$HOME_DIR"
unset STOREWATCH_DATABASE_URL STOREWATCH_LAKE_URL # the demo keeps to its own folder

if [ -z "$DATA" ]; then
    DATA=demo-data
    if [ ! -f "$DATA/store_status.csv" ]; then
        say "Simulating 500 stores for 8 days into $DATA/"
        storewatch simulate --stores 500 --days 8 --out "$DATA"
    fi
fi
say "Importing $DATA into $STOREWATCH_HOME/"
storewatch import "$DATA"

say "The classic report (first rows of $STOREWATCH_HOME/report.csv)"
storewatch report --output "$STOREWATCH_HOME/report.csv"
sed -n 1,6p "$STOREWATCH_HOME/report.csv"

say "What is there"
storewatch status

if [ "$SERVE" != no ]; then
    say "Serving http://127.0.0.1:8000/ until Ctrl-C"
    exec "$BIN/storewatch" serve
fi
