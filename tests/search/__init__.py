"""What is tried, when it is stopped, what it was worth and how it is handed on."""
