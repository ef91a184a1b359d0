"""Run the command line as `python -m storewatch`."""

from storewatch.cli import main

main()
