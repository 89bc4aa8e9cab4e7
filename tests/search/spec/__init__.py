"""The specification of a search."""
