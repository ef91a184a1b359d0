"""What a store is now, what it was over time, and how it is changed.

Use cases that return values: the API, pages, alerts and the command line render them.
"""
