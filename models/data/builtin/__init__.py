"""Data sets that need no download: `digits` from scikit-learn, `shapes` drawn by our own code."""
