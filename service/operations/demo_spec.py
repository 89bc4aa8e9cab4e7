"""The search that `effscale demo` runs: real images, minutes on a laptop."""

from typing import Any

DEMO_NAME = "digits-demo"
MAX_FINALISTS = 2
FINAL_SEEDS = 3


def demo_spec(trials: int) -> dict[str, Any]:
    """How to make efficientnet-nano twice as expensive, best. A SearchSpec as a client would send it.

    Half of the networks are stopped after epoch 3, and half of the rest after epoch 6.
    """
    return {
        "name": DEMO_NAME,
        "dataset": "digits",
        "baseline": "efficientnet-nano",
        "phi": 1.0,
        "target": {"metric": "macs", "ratio": 2.0, "tolerance": 0.05},
        "sampler": {"name": "tpe", "window": 4},  # so short a search learns soon, and keeps up to four workers busy
        "pruner": {"name": "asha", "min_epochs": 3, "reduction_factor": 2},
        "trials": trials,
        "finalists": {"count": min(MAX_FINALISTS, trials), "seeds": FINAL_SEEDS},
        "recipe": {"epochs": 8},
    }
