"""Background jobs: accepted into the catalog, run by workers in any process, taken over when a worker dies."""
