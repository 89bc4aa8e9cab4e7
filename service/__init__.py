"""Remembers and serves: SQL, HTTP, worker processes, the command line and the web page."""
