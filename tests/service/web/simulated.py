"""A search as the API would tell of it, with invented accuracies on networks that can really be built."""

import math
import random
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from models.scaling.coefficients import Coefficients, Multipliers
from models.scaling.cost import cost
from search.planning.plan import plan
from search.results.diagnosis import Epoch, Task, diagnose
from search.space import catalogue, controls
from search.space.family import family
from search.spec.spec import SearchSpec

Document = dict[str, Any]
AT = "2026-01-05T10:{:02d}:00.000Z"
SPEC: Document = {
    "name": "digits-demo",
    "dataset": "digits",
    "baseline": "efficientnet-nano",
    "target": {"metric": "macs", "ratio": 2.0, "tolerance": 0.1},
    "space": {"resolution_multiple": 2},
    "trials": 14,
    "recipe": {"epochs": 8},
}
NO_TRIALS = dict.fromkeys(
    ("queued", "running", "completed", "pruned", "infeasible", "failed", "quarantined", "cancelled", "cached"), 0
)


OVERFITTED = 7  # number of the trial whose training runs ahead
WINNER = 5  # of the finalists
SENTENCE = "Trial 5 is better than each of the 2 other finalists at 95 %. It gains 2.1 points (95 %: 1.2 to 3.0)."
IMPORTANCE: Document = {
    "trials": 10,
    "explained": 0.71,
    "most": "gamma",
    "message": "of the variance …",
    "alpha": {"share": 0.05, "ci95": [0.0, 0.2]},
    "beta": {"share": 0.06, "ci95": [0.01, 0.3]},
    "gamma": {"share": 0.6, "ci95": [0.4, 0.8]},
}


def history(number: int, seed: int, last: float, epochs: int) -> list[Document]:
    """Epochs that end at an accuracy."""
    ahead = 0.08 if number == OVERFITTED else 0.008
    noise = random.Random(f"{number} {seed}")
    rows = []
    for epoch in range(1, epochs + 1):
        share = 1 - math.exp(-0.62 * epoch)
        value = last if epoch == epochs else min(1.0, last * share + noise.uniform(-0.01, 0.01))
        rows.append(
            {
                "epoch": epoch,
                "train_loss": round(2.3 * (1 - share) + 0.05, 4),
                "train_accuracy": min(1.0, round(value + ahead, 4)),
                "validation_loss": 0.45 if number == OVERFITTED else round(2.3 * (1 - share) + 0.08, 4),
                "validation_accuracy": round(value, 4),
                "balanced_accuracy": round(value, 4),
                "macro_f1": round(value, 4),
                "seconds": 1.4,
                "images_per_second": 769.0,
                "compile_seconds": 6.1 if epoch == 1 else 0.0,
            }
        )
    return rows


def run(number: int, seed: int, role: str, state: str, last: float, epochs: int) -> Document:
    """One training."""
    rows = history(number, seed, last, epochs)
    curve = [Epoch(*(row[name.name] for name in fields(Epoch))) for row in rows]
    found = diagnose(curve, Task(10, 359), diverged=state == "failed")
    assert found is not None
    return {
        "seed": seed,
        "role": role,
        "state": state,
        "reason": "asha" if state == "pruned" else None,
        "message": "below the rung at epoch 2" if state == "pruned" else None,
        "accuracy": None if state == "running" else rows[-1]["validation_accuracy"],
        "train_accuracy": rows[-1]["train_accuracy"],
        "last_accuracy": rows[-1]["validation_accuracy"],
        "best_accuracy": max(row["validation_accuracy"] for row in rows),
        "best_epoch": max(rows, key=lambda row: row["validation_accuracy"])["epoch"],
        "test_accuracy": 0.969 if role == "final" and number == WINNER else None,
        "started_from": None,
        **dict.fromkeys(("latency_ms", "images_per_second", "peak_memory_bytes")),
        "epochs": epochs,
        "stopped_early": False,
        "packed": 5 if role == "final" else 1,
        "diagnosis": None if state == "running" else found.document(),
        "device_seconds": 1.4 * epochs,
        "compile_seconds": 6.1,
        "compiled_ahead_seconds": 0.0,
        "programs_compiled": 1,
        "programs_cached": 0,
        "cached_from": None,
        "attempts": [
            {
                "lease_epoch": 1,
                "worker": "box-1",
                "started_at": AT.format(1),
                "ended_at": None if state == "running" else AT.format(2),
                "outcome": None if state == "running" else state,
            }
        ],
        "history": rows,
    }


@dataclass
class Simulated:
    """What a fake API serves: change it, then announce what changed."""

    spec: Document = field(default_factory=lambda: dict(SPEC))
    id: str = "s_demo"
    state: str = "running"
    details: list[Document] = field(default_factory=list)
    message: str | None = None
    found: Document = field(default_factory=dict)  # front and transfer, where the spec asks for them

    def document(self) -> Document:
        """The search."""
        spec = SearchSpec.model_validate(self.spec)
        counts = {**NO_TRIALS}
        for trial in self.details:
            counts[trial["state"]] += 1
        runs = [each for trial in self.details for each in trial["runs"]]
        finished, planned = sum(each["state"] != "running" for each in runs), spec.trials + 15
        counts["queued"] = max(0, spec.trials - len(self.details))
        board = self.board()
        best = next((trial for trial in board if trial["accuracy"] is not None), None)
        over = self.state in ("succeeded", "failed", "cancelled")
        return {
            "id": self.id,
            "name": self.spec["name"],
            "state": self.state,
            "reason": None,
            "message": self.message,
            "spec": spec.document(),
            "dataset": self.spec["dataset"],
            "baseline": self.spec["baseline"],
            "above_chance": None if best is None else True,
            "labels": {},
            "created_at": AT.format(0),
            "started_at": AT.format(1),
            "finished_at": AT.format(40) if over else None,
            "trials": {"planned": spec.trials, **counts},
            "runs": {"planned": planned, "finished": finished},
            "diagnoses": dict(Counter(trial["diagnosis"] for trial in self.details if trial["diagnosis"])),
            "dataset_hash": None,
            "progress": 1.0 if self.state == "succeeded" else finished / planned,
            "best": best,
            "device_seconds": 187.4,
            "estimated_seconds_left": None if over else 95.0,
            "plan": plan(spec),
            "importance": IMPORTANCE if over else None,
            "statement": SENTENCE if over else None,
            "conclusion": conclusion("clear", SENTENCE, WINNER) if over else None,
            "controls": _controls(spec) if over else None,
            **self.found,
        }

    def trials(self) -> list[Document]:
        """All trials in number order."""
        return [{key: value for key, value in trial.items() if key != "runs"} for trial in self.details]

    def board(self, sort: str | None = None) -> list[Document]:
        """The leaderboard; by default replicated finalists first."""
        rows = [trial for trial in self.trials() if trial["accuracy"] is not None]
        name = (sort or "").removeprefix("-")

        def place(trial: Document) -> tuple[float, ...]:
            if not sort:
                return (trial["seeds"] < 2, trial["state"] == "pruned", -trial["accuracy"])
            value = trial.get(name, trial["cost"].get(name, trial["architecture"].get(name)))
            return (-value if sort.startswith("-") else value,)

        return [{"rank": rank, **trial} for rank, trial in enumerate(sorted(rows, key=place), 1)]

    def config(self) -> Document:
        """The canonical export, in short."""
        board = self.board()
        spec = SearchSpec.model_validate(self.spec)
        best = Coefficients(*(board[0][name] for name in ("alpha", "beta", "gamma")))
        return {
            "schema": "effscale/scaling-config/1",
            "intervals": {"alpha": [1.0, 1.25], "beta": [1.05, 1.12], "gamma": [1.14, 1.17]},
            "winner": board[0],
            "ties": [trial for trial in board if trial["ties"]],
            "family": family(spec.network, best),
        }


def conclusion(kind: str, sentence: str, chosen: int | None, *advice: Document) -> Document:
    """What a search that has ended answers."""
    return {
        "kind": kind,
        "sentence": sentence,
        "chosen": chosen,
        "keep_baseline": kind == "no_gain",
        "most_accurate": WINNER,
        "ties": [],
        "gain": {"over": "baseline", "points": 2.1, "ci95": [1.2, 3.0]},
        "advice": list(advice),
    }


def _controls(spec: SearchSpec) -> list[Document]:
    differences = {"baseline": (2.1, 0.9), "depth": (1.4, 1.1), "width": (0.9, 1.2), "resolution": (-0.2, 0.8)}
    found = []
    for control in controls.of(spec):
        middle, half = differences.get(control.name, (0.3, 1.0))
        built = control.network is not None
        found.append(
            {
                "name": control.name,
                "state": "completed" if built else "infeasible",
                "reason": control.reason,
                "number": 20,
                "same_as": 0 if control.name == "paper" else None,
                "ratio": control.ratio,
                "within_target": control.within,
                "accuracy": 0.97 - middle / 100 if built else None,
                "accuracy_ci95": [0.96 - middle / 100, 0.98 - middle / 100] if built else None,
                "seeds": 5,
                "difference": {"points": middle, "ci95": [middle - half, middle + half]} if built else None,
            }
        )
    return found


def finished(name: str = "digits-demo", *, trials: int = 14) -> Simulated:
    """A search that has succeeded: pruned trials, a failed one, three finalists with five seeds, the reference at 0."""
    found = Simulated({**SPEC, "name": name, "trials": trials}, state="succeeded")
    found.details = _details(SearchSpec.model_validate(found.spec), trials)
    return found


def going(name: str = "digits-demo", *, trials: int = 14) -> Simulated:
    """The same while trial 8 trains."""
    found = finished(name, trials=trials)
    found.state = "running"
    found.details = found.details[:9]
    for trial in found.details:
        trial["runs"] = trial["runs"][:1]
        trial.update(accuracy_ci95=None, seeds=1, finalist=False, ties=None, test_accuracy=None)
    last = found.details[-1]
    last.update(
        state="running",
        accuracy=None,
        diagnosis=None,
        diagnosis_rule=None,
        epochs=3,
        runs=[run(8, 0, "search", "running", 0.93, 3)],
    )
    return found


def _details(spec: SearchSpec, trials: int) -> list[Document]:
    space = catalogue.of(spec)
    picked = random.Random(3).sample(space.feasible, trials)
    noise = random.Random(5)
    base = cost(spec.network.scale(Multipliers(1, 1, 1), classes=10))
    details = []
    for number, candidate in enumerate(picked):
        network = catalogue.architecture(spec, candidate)
        accuracy = round(
            0.955 + 0.02 * candidate.coefficients.gamma - 0.01 * number / trials + noise.uniform(-0.01, 0.01), 4
        )
        accuracy -= 0.05 * (number == OVERFITTED)
        state = "pruned" if number % 4 == 2 else "failed" if number == 9 else "completed"
        final = number in (1, 4, 5)
        runs = [run(number, 0, "search", state, accuracy, 8 if state == "completed" else 3)]
        runs += [
            run(number, seed, "final", "completed", accuracy + 0.001 * seed - 0.003, 8) for seed in range(1, 6 * final)
        ]
        failed = state == "failed"
        details.append(
            {
                "number": number,
                "state": state,
                "reason": "diverged" if failed else None,
                "message": "the loss became NaN in epoch 3" if failed else None,
                "alpha": candidate.coefficients.alpha,
                "beta": candidate.coefficients.beta,
                "gamma": candidate.coefficients.gamma,
                "phi": 1.0,
                "architecture": {**network.document(), "drop_path": network.drop_path},
                "cost": {
                    **cost(network).document(),
                    "macs_ratio": cost(network).macs / base.macs,
                    "latency_ms": 1.25 if final else None,
                    "images_per_second": None if failed else 769.0,
                    "peak_memory_bytes": None if failed else 3 * 2**29,
                },
                "accuracy": None if failed else accuracy - 0.03 * (state == "pruned"),
                "accuracy_ci95": [accuracy - 0.004, accuracy + 0.003] if final else None,
                "seeds": 5 if final else 1,
                "train_accuracy": None if failed else min(1.0, accuracy + 0.008),
                "generalization_gap": None if failed else 0.08 if number == OVERFITTED else 0.008,
                "selection": "last",
                "last_accuracy": None if failed else accuracy - 0.03 * (state == "pruned"),
                "best_accuracy": None if failed else runs[0]["best_accuracy"],
                "best_epoch": None if failed else runs[0]["best_epoch"],
                "stopped_early": False,
                "diagnosis": runs[0]["diagnosis"]["label"],
                "diagnosis_rule": runs[0]["diagnosis"]["rule"],
                "test_accuracy": 0.969 if number == WINNER else None,
                "epochs": 8 if state == "completed" else 3,
                "device_seconds": 11.2,
                "compile_seconds": 0.4,
                "compiled_ahead_seconds": 5.7,
                "programs_compiled": 0,
                "programs_cached": 1,
                "attempts": 1,
                "cached_from": None,
                "reference": number == 0,
                "reference_note": "The paper's 1.2, 1.1, 1.15 cost 2.57 times; this is the nearest feasible network."
                * (number == 0)
                or None,
                "finalist": final,
                "probe": False,
                "control": False,
                **dict.fromkeys(("balanced_accuracy", "macro_f1", "per_class_recall", "test_score")),
                "metric": "accuracy",
                "ties": {4: True, 1: False}.get(number),
                "created_at": AT.format(1),
                "started_at": AT.format(1),
                "finished_at": AT.format(3),
                "runs": runs,
            }
        )
    for trial in details:
        trial |= {"score": trial["accuracy"], "score_ci95": trial["accuracy_ci95"]}
    return details
