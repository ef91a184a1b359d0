"""The JSON endpoints, one file a resource."""
