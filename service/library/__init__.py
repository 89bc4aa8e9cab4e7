"""What lies in a data directory: registered data sets and weights; and the calculator. No SQL.

Used by the API, by commands, and by trainers, which read images and start weights.
"""
