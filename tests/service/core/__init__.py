"""The life of searches, each test on SQLite and on PostgreSQL."""
