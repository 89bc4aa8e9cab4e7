"""The house itself: layers, sizes, words, documentation, locks, images."""
