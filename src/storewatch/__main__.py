"""Let `python -m storewatch` be the command line."""

from storewatch.cli import main

main()
