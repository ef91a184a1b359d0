"""The state of stores now, their timelines and outages, and changes of stores.

The functions return values. The API, the pages and the command line render them.
"""
