"""storewatch: how long each store was online during its business hours."""

__version__ = "0.1.0"
