"""storewatch: how long every store was really online during the hours it says it is open."""

__version__ = "0.1.0"
