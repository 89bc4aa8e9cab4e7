"""What a search hands on: the canonical scaling config, and tables of its trials."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from models.scaling.architecture import ScaledArchitecture
from models.scaling.coefficients import Coefficients
from models.scaling.cost import cost
from search.errors import NothingFinished, UnknownFormat
from search.results.racing import final_seeds
from search.results.trial_records import FINISHED
from search.space.catalogue import Candidate, intervals
from search.space.solved_family import searched_family
from search.spec.spec import SearchSpec

SCHEMA = "effscale/scaling-config/1"
MEDIA_TYPES: Mapping[str, str] = {"json": "application/json", "yaml": "application/yaml", "csv": "text/csv"}

Document = Mapping[str, Any]

# One row a trial. Vectors are written as whole numbers with spaces between them, widths without stem and head; the
# interval of the accuracy takes two columns; the rest is the trial shape of the contract, section 5, flattened.
COLUMNS = (
    *("number", "state", "reason", "message", "reference", "finalist", "probe", "control", "ties"),
    *("alpha", "beta", "gamma"),
    *("phi", "key", "depths", "widths", "stem", "head", "resolution", "classes", "dropout", "drop_path"),
    *("params", "macs", "macs_ratio", "activations", "receptive_field", "latency_ms", "images_per_second"),
    *("peak_memory_bytes", "accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy", "macro_f1"),
    *("per_class_recall", "metric", "score", "score_low", "score_high", "test_score", "seeds", "train_accuracy"),
    *("generalization_gap", "selection", "last_accuracy", "best_accuracy", "best_epoch", "test_accuracy", "epochs"),
    *("stopped_early", "diagnosis", "diagnosis_rule", "device_seconds", "compile_seconds", "compiled_ahead_seconds"),
    *("programs_compiled", "programs_cached", "attempts"),
    *("cached_from", "created_at", "started_at", "finished_at"),
)
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a cell that begins with one of these (OWASP)


def scaling_config(
    spec: SearchSpec,
    winner: Document | None,
    ties: Sequence[Document] | None,
    *,
    front: Document | None = None,
    shown: Document,
    dataset_hash: str,
    test_accuracy: float | None,
    totals: Document,
    provenance: Document,
) -> dict[str, Any]:
    """The canonical scaling config (contract, section 7), JSON values only.

    `winner` and `ties` are trial documents; `ties` is None when nothing is known of them, as without finals on common
    seeds. So are the `trials` of `front`, which is None with one objective. `shown` gives `transfer`, `conclusion`,
    `controls` and `importance` as the search document shows them, None before the end.
    `totals` gives `trials` and `device_seconds` of the search; `provenance` gives `versions`, `device`,
    `source_revision` and `created_at`. Raises `NothingFinished` without a winner.
    """
    if winner is None:
        raise NothingFinished("no trial of this search has been trained to the end yet: there is nothing to export")
    coefficients = Coefficients(winner["alpha"], winner["beta"], winner["gamma"])
    network = built(spec, winner)
    config: dict[str, Any] = {
        "schema": SCHEMA,
        "coefficients": {name: winner[name] for name in ("alpha", "beta", "gamma")} | {"product": coefficients.product},
        "intervals": {name: list(ends) for name, ends in intervals(spec, _candidate(coefficients, network)).items()},
        "baseline": spec.baseline,
        "winner": dict(winner),
        "ties": None if ties is None else [dict(trial) for trial in ties],
        "front": front,
        "conclusion": shown["conclusion"],
        "controls": shown["controls"],
        "family": searched_family(spec.network, coefficients, network, spec.document()),
        "evidence": {
            "dataset": spec.dataset,
            "dataset_hash": dataset_hash,
            "recipe": spec.recipe.model_dump(mode="json"),
            "seeds": winner["seeds"],
            "accuracy": winner["accuracy"],
            "accuracy_ci95": winner["accuracy_ci95"],
            "test_accuracy": test_accuracy,
            "transfer": shown["transfer"],
            "trials": totals["trials"],
            "device_seconds": totals["device_seconds"],
            "importance": shown["importance"],
        },
        "provenance": {
            "versions": dict(provenance["versions"]),
            "device": provenance["device"],
            "source_revision": provenance["source_revision"],
            "spec": spec.document(),
            "stage_table": spec.network.document(),  # what the baseline's name meant at that time
            "seeds": {"search": spec.seed, "final": _final_seeds(spec, winner)},
            "created_at": provenance["created_at"],
        },
    }
    plain: dict[str, Any] = json.loads(_json(config))  # tuples become lists, as they will for every reader
    return plain


def _final_seeds(spec: SearchSpec, winner: Document) -> list[int]:
    """Those of the first round, and the further ones that a race gave its winner."""
    used = max(spec.finalists.seeds, winner["seeds"])
    return list(final_seeds(spec)[:used]) if spec.finalist_count else []


def built(spec: SearchSpec, trial: Document) -> ScaledArchitecture:
    """The network of a trial document."""
    shape = trial["architecture"]
    widths = (shape["stem"], *shape["widths"], shape["head"])
    return spec.network.build(shape["depths"], widths, shape["resolution"], classes=spec.data.classes)


def export(config: Document, form: str = "json") -> str:
    """The scaling config as text; `search.exports.verify.from_export` reads it back and checks every number."""
    if form == "yaml":
        # allow_unicode would write line breaks such as U+0085 as they are, and they would be read as spaces
        return yaml.safe_dump(dict(config), sort_keys=False)
    if form == "json":
        return _json(config) + "\n"
    raise UnknownFormat(f"a scaling config is written as json or yaml, not {form!r}")


def trials_csv(trials: Sequence[Document]) -> str:
    """One flat row a trial, in the order given; the columns are `COLUMNS`. Empty cells are unknown values.

    Raises `NothingFinished` until a trial has finished.
    """
    if not any(trial["state"] in FINISHED for trial in trials):
        raise NothingFinished("no trial of this search has been trained to the end yet: there is nothing to export")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180; with it carriage returns in texts are quoted
    writer.writerow(COLUMNS)
    writer.writerows([cell(value) for value in map(flat(trial).get, COLUMNS)] for trial in trials)
    return text.getvalue()


def flat(trial: Document) -> dict[str, Any]:
    """A trial document without nesting: the row of a table."""
    low, high = trial.get("accuracy_ci95") or (None, None)
    least, most = trial.get("score_ci95") or (None, None)
    ends = {"accuracy_low": low, "accuracy_high": high, "score_low": least, "score_high": most}
    return {**trial, **trial["architecture"], **trial["cost"], **ends}


def cell(value: object) -> object:
    """A value as a spreadsheet may open it: text that would run as a formula gets an apostrophe in front.

    >>> cell("=1+1"), cell(-0.5), cell([1, 2])
    ("'=1+1", -0.5, '1 2')
    """
    if value is None or type(value) in (float, int):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_SIGNS) else value


def _candidate(coefficients: Coefficients, network: ScaledArchitecture) -> Candidate:
    widths = (network.stem, *network.widths, network.head)
    return Candidate(coefficients, network.depths, widths, network.resolution, cost(network), 0.0)


def _json(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
