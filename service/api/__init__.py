"""HTTP: the application, its middleware, keys, documents and routes. Routes open and commit transactions.

The API process. Never imports JAX.
"""
