"""Which trials go on."""
