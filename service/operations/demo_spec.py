"""The searches that effscale ships: real images, minutes on a laptop, one for each answer to "should I scale?"."""

from typing import Any

MAX_FINALISTS = 2
FINAL_SEEDS = 8


def demo_spec(trials: int) -> dict[str, Any]:
    """How to make efficientnet-pico three times as expensive, best. A SearchSpec as a client would send it.

    So small a network gains by being scaled. Half of the networks are stopped after epoch 3, half of the rest after
    epoch 6.
    """
    return {
        "name": "digits-demo",
        "dataset": "digits",
        "baseline": "efficientnet-pico",
        "phi": 1.0,
        "target": {"metric": "macs", "ratio": 3.0, "tolerance": 0.1},
        "space": {"alpha": [1.0, 2.0], "beta": [1.0, 2.0], "gamma": [1.0, 2.0], "resolution_multiple": 2},
        "sampler": {"name": "tpe"},
        "pruner": {"name": "asha", "min_epochs": 3, "reduction_factor": 2},
        "trials": trials,
        "finalists": {"count": min(MAX_FINALISTS, trials), "seeds": FINAL_SEEDS},
        "recipe": {"epochs": 8},
    }


def saturated_spec(trials: int) -> dict[str, Any]:
    """The same question of efficientnet-nano, which has learned the digits already: the answer is not to scale it."""
    return {
        "name": "digits-saturated",
        "dataset": "digits",
        "baseline": "efficientnet-nano",
        "target": {"metric": "macs", "ratio": 2.0, "tolerance": 0.05},
        "pruner": {"name": "asha", "min_epochs": 3, "reduction_factor": 2},
        "trials": trials,
        "finalists": {"count": min(MAX_FINALISTS, trials), "seeds": 10},
        "controls": ["baseline"],
        "minimum_gain": 0.01,
        "recipe": {"epochs": 8},
    }
