"""The budgets of storewatch, measured: `python -m benchmarks`. Over budget or not, it exits with 0."""
