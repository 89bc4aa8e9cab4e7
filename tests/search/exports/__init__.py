"""The scaling config and its check."""
