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
                "search.spec.spec, search.space.catalogue, search.planning.plan, "
                "search.space.family, search.planning.lifecycle, search.results.leaderboard, "
                "search.pruning.pruning, search.results.trial_records, search.results.statistics, "
                "search.exports.config, search.exports.verify, search.space.reference, "
                "search.results.objectives, search.results.front, search.results.transfer, "
                "search.results.rank_correlation"
            ),
            set(),
        ),
        ("search.proposals.study", {"optuna", "numpy"}),
    ],
)
def test_planning_and_ranking_load_no_array_library(modules: str, allowed: set[str]) -> None:
    assert loaded(modules) <= allowed
