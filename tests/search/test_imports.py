import json
import subprocess
import sys

import pytest

HEAVY = ("jax", "flax", "optax", "sklearn", "scipy", "optuna", "numpy")


def loaded(modules: str) -> set[str]:
    """The heavy libraries that importing these modules in a fresh process loads."""
    code = f"import sys, json, {modules}; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(HEAVY) & set(json.loads(answer.stdout))


@pytest.mark.parametrize(
    ("modules", "allowed"),
    [
        (
            (
                "search.spec, search.catalogue, search.plan, search.family, search.lifecycle, search.leaderboard, "
                "search.pruning, search.results, search.statistics, search.export, search.verify, search.reference, "
                "search.objectives, search.front, search.transfer, search.correlation"
            ),
            set(),
        ),
        ("search.study", {"optuna", "numpy"}),
    ],
)
def test_planning_and_ranking_load_no_array_library(modules: str, allowed: set[str]) -> None:
    assert loaded(modules) <= allowed
