"""Weight files, start weights, growth, checkpoints."""
