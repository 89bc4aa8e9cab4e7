"""The documents that travel between API and workers."""
