"""The trainer as a real process."""
