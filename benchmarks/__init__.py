"""Measurements of the budgets of storewatch: `python -m benchmarks`. It exits with 0, also over budget."""
