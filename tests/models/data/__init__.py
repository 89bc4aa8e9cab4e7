"""Image sets: sources, decoding, registration."""
