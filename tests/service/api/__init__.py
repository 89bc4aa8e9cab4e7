"""The service over HTTP, mostly on SQLite."""
