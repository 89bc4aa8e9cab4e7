"""Weight files and checkpoints: layouts of PyTorch libraries, start weights (transfer learning), growth of a parent.

May import `scaling` and `layers`. Used by trainers.
"""
