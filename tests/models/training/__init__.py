"""Steps, epochs and measurements."""
