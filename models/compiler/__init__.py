"""Compiled programs: kept on disk, each compiled by one thread, reported. Knows nothing of training.

Used by trainers; `reports` and `source_digest` are light and serve the API too.
"""
