"""Image sets: registration, decoding, caches on disk, fixed splits.

`registry` and `file_layout` are standard library only and serve the API; images are loaded in trainers and commands.
"""
