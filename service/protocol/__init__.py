"""The JSON documents that travel between API and workers, and the limits that both sides know.

Pydantic shapes; imports no other room. Used by API and worker processes.
"""
