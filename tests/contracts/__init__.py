"""What both engines promise: one suite, each test on SQLite and on PostgreSQL."""
