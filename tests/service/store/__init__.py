"""Statements and databases, each test on SQLite and on PostgreSQL."""
