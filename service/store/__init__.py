"""Every SQL statement, the tables, the database itself, and checkpoint files beside it.

Functions take a session and never commit: one edge, one commit. Used by the API and by commands on its machine.
"""
