"""Specs and trial records to test with."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from models.recipe.regularization import regularized
from models.scaling.coefficients import Coefficients
from search.results.trial_records import RunRecord, TrialRecord
from search.space import catalogue
from search.space.catalogue import Candidate
from search.spec.spec import SearchSpec

# 30 feasible networks: enough for a search, little enough for a quick test
WIDE = {"target": {"tolerance": 0.1}, "space": {"resolution_multiple": 1}}


def spec(**fields: Any) -> SearchSpec:
    """A search without controls, unless they are asked for: most tests are of the trials alone."""
    named = {"dataset": "digits", "baseline": "efficientnet-nano", "controls": False}
    return SearchSpec.model_validate({**named, **fields})


def search_run(state: str = "completed", accuracy: float | None = 0.9, **fields: Any) -> RunRecord:
    history = fields.pop("history", () if accuracy is None else (accuracy,))
    return RunRecord(0, "search", state, accuracy, history=history, epochs=len(history), **fields)


def final_run(seed: int, accuracy: float | None, state: str = "completed", **fields: Any) -> RunRecord:
    return RunRecord(seed, "final", state, accuracy, **fields)


def probe_run(seed: int, accuracy: float | None, state: str = "completed", **fields: Any) -> RunRecord:
    return RunRecord(seed, "probe", state, accuracy, **fields)


def trial(
    number: int,
    state: str = "completed",
    accuracy: float | None = 0.9,
    finals: Sequence[float] = (),
    candidate: Candidate | None = None,
    **fields: Any,
) -> TrialRecord:
    """A trial with one search run in its own state and, as a finalist, final runs on the seeds from 1 on."""
    runs = fields.pop("runs", None)
    if runs is None:
        run_state = "completed" if state == "cached" else state
        runs = (search_run(run_state, accuracy if state in ("completed", "cached", "pruned") else None),)
        runs += tuple(final_run(seed, value) for seed, value in enumerate(finals, start=1))
    return TrialRecord(
        number=number,
        state=state,
        identity=candidate.identity if candidate else ((number,), (8,), 32),
        coefficients=candidate.coefficients if candidate else Coefficients(1 + number / 100, 1, 1),
        reference=number == 0,
        finalist=bool(finals) or fields.pop("finalist", False),
        runs=runs,
        costs=fields.pop("costs", {}),
    )


def document(search: SearchSpec, candidate: Candidate, **fields: Any) -> dict[str, Any]:
    """A completed trial in the shape of the public contract."""
    base = catalogue.of(search).baseline_cost
    ratio = round(candidate.cost.macs / base.macs, 6)
    network = regularized(catalogue.architecture(search, candidate), search.recipe, ratio)
    c = candidate.coefficients
    return {
        "number": 0,
        "state": "completed",
        "reason": None,
        "message": None,
        "alpha": c.alpha,
        "beta": c.beta,
        "gamma": c.gamma,
        "phi": search.phi,
        "architecture": {**network.document(), "drop_path": network.drop_path},
        "cost": {
            **candidate.cost.document(),
            "macs_ratio": ratio,
            "latency_ms": None,
            "images_per_second": None,
            "peak_memory_bytes": None,
        },
        "accuracy": 0.98,
        "accuracy_ci95": [0.97, 0.99],
        "seeds": 3,
        "train_accuracy": 0.99,
        "generalization_gap": 0.01,
        "selection": "last",
        "last_accuracy": 0.98,
        "best_accuracy": 0.98,
        "best_epoch": 8,
        "stopped_early": False,
        "diagnosis": "fits",
        "diagnosis_rule": "training 99.0 %, validation 98.0 %: a gap of 1.0 points, within 5.0",
        "epochs": 8,
        "device_seconds": 12.3,
        "compile_seconds": 6.1,
        "compiled_ahead_seconds": 0.0,
        "programs_compiled": 1,
        "programs_cached": 0,
        "attempts": 1,
        "cached_from": None,
        **fields,
    }


ACCURACY = st.integers(0, 360).map(lambda right: right / 360)
FINISHED = st.builds(
    lambda state, accuracy, finals: (state, accuracy, finals),
    st.sampled_from(("completed", "cached")),
    ACCURACY,
    st.lists(ACCURACY, max_size=4),
)
UNFINISHED = st.tuples(
    st.sampled_from(("queued", "running", "pruned", "infeasible", "failed", "quarantined", "cancelled")),
    ACCURACY,
    st.just(()),
)
TRIALS = st.lists(st.one_of(FINISHED, UNFINISHED), max_size=12).map(
    lambda rows: [trial(number, *row) for number, row in enumerate(rows)]
)
