"""The HTTP client of the service: connection, retries, errors.

Used by commands and by workers.
"""
