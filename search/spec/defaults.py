"""Defaults that follow from how many trials a search has, and from nothing that may be changed while it runs.

They must not depend on `parallelism`: that may be changed at any time, and proposals are the same at any.
"""

LEAST_WINDOW, MOST_WINDOW = 2, 16
MOST_STARTUP = 8
FINALISTS = 3
# On the recorded table (BENCHMARKS.md, `sampler_defaults`) a smaller share of 12 trials ends a point nearer to the best
# network, of 24 no nearer; a larger one ends further away. A third lets so many be trained at once without a wait.
SHARE = 3


def window(trials: int) -> int:
    """How far behind a proposal the results lie that it looks at, in trials: a third of all, from 2 to 16.

    >>> [window(trials) for trials in (1, 12, 24, 100)]
    [2, 4, 8, 16]
    """
    return min(max(trials // SHARE, LEAST_WINDOW), MOST_WINDOW)


def startup_trials(trials: int) -> int:
    """Random proposals before a sampler's model is used: a third of all trials, from 1 to 8.

    >>> [startup_trials(trials) for trials in (1, 12, 24, 100)]
    [1, 4, 8, 8]
    """
    return min(max(trials // SHARE, 1), MOST_STARTUP)


def finalists(trials: int) -> int:
    """Trials that are trained again: 3, or all where there are fewer.

    >>> [finalists(trials) for trials in (1, 2, 12)]
    [1, 2, 3]
    """
    return min(FINALISTS, trials)
