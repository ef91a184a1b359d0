"""The JSON API, one folder for each resource."""
