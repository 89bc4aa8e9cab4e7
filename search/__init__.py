"""What to try, and what it was worth: specs, the catalogue of realisable networks, proposals, statistics, exports.

Knows `models` and (in `study` and `samplers`) Optuna. No SQL, no HTTP, no processes.
"""
