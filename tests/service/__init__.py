"""The service; a folder a room. What the database decides is tested on SQLite and on PostgreSQL."""
