"""Products of matrices, piece by piece: what a proposal multiplies is so little that a second thread only delays it."""

import numpy as np

from search.space.lattice import Floats

# Multiplications that OpenBLAS does in one thread (its limit is 262,144). Beside a training on the same cores, waiting
# for a second thread took 12 ms where the product itself takes 1 ms.
ONE_THREAD = 250_000
LEAST_ROWS = 8  # of a piece: smaller ones cost more to begin than to compute


def product(left: Floats, right: Floats) -> Floats:
    """left @ right, for two matrices.

    >>> product(np.ones((3, 2)), np.eye(2)).tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    rows, found = max(LEAST_ROWS, ONE_THREAD // right.size), np.empty((len(left), right.shape[1]))
    for at in range(0, len(left), rows):
        np.matmul(left[at : at + rows], right, out=found[at : at + rows])
    return found
