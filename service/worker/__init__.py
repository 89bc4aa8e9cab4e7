"""The worker process: leases runs over HTTP, has a trainer train them, reports. No JAX, no SQL.

Knows the API only through `protocol` and `client`.
"""
