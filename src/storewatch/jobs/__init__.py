"""Work in the background: accepted into the catalog, done by workers in any process, taken over when one dies."""
