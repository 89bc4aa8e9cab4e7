"""Migrations, on both engines."""
