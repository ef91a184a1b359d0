#!/usr/bin/env bash
# The first five minutes with storewatch: some data, an import, reports, the service. Called by `make demo`.
set -euo pipefail

storewatch() { "$BIN/storewatch" "$@"; }
heading() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() {
    printf '$ storewatch %s\n' "$*"
    storewatch "$@"
}
unset STOREWATCH_DATABASE_URL STOREWATCH_LAKE_URL # the demo keeps to its own folder

if [ -n "$DATA" ]; then
    export STOREWATCH_HOME=storewatch-data
    REPORTS=$STOREWATCH_HOME
else
    # Everything of the demo is in one folder of its own, apart from your data.
    export STOREWATCH_HOME=storewatch-demo/home
    REPORTS=storewatch-demo
    DATA=storewatch-demo/files
    if [ -e "$DATA/store_status.csv" ]; then
        heading "Going on with the fleet in $DATA (delete storewatch-demo to begin again)"
    else
        heading "Simulating a fleet of 500 stores with 40 days of polls up to now"
        show simulate --stores 500 --days 40 --end now --out "$DATA"
    fi
fi

heading "Importing $DATA into $STOREWATCH_HOME"
show import "$DATA"

heading "The classic report: minutes and hours online and offline of every store"
show report --output "$REPORTS/report.csv"
sed -n 1,6p "$REPORTS/report.csv"

heading "The longest outages of the last week"
show outages --windows last_week --min-duration 12h | sed -n 1,12p

heading "A week for readers, as a PDF"
show report --windows last_week --by day --include outages --output "$REPORTS/week.pdf"

heading "What there is now"
show status

if [ "$SERVE" != no ]; then
    heading "Serving http://127.0.0.1:8000/ until Ctrl-C. Other commands find this data with"
    printf 'export STOREWATCH_HOME=%s PATH=%s:$PATH\n\n' "$STOREWATCH_HOME" "$BIN"
    exec "$BIN/storewatch" serve
fi
