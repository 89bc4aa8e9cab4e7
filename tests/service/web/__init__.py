"""The page: its figures, its shell, and itself in a real browser."""
