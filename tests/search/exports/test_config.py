import copy
import csv
import io
import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.recipe.regularization import regularized
from models.scaling.architecture import Baseline
from models.scaling.baselines import from_table
from models.scaling.coefficients import Coefficients
from search.errors import InvalidExport, NothingFinished, UnknownFormat
from search.exports.config import COLUMNS, built, export, scaling_config, trials_csv
from search.exports.verify import from_export
from search.space import catalogue
from search.space.family import by_resolution
from search.spec.spec import SearchSpec
from tests.search.records import WIDE, document, spec

SPECS = (
    spec(**WIDE),
    spec(baseline="efficientnet-b0"),
    spec(phi=2, target={"tolerance": 0.1}),
    spec(phi=0.5, target={"metric": "activations", "tolerance": 0.1}),
    spec(target={"metric": "params", "tolerance": 0.1}, finalists={"count": 0}),
    spec(target={"metric": "product", "tolerance": 0.1}, space={"depth_rounding": "round"}, seed=5),
    spec(**WIDE, recipe={"dropout": {"base": 0.1, "per_doubling": 0.1}, "drop_path": 0.0}),
)
PROVENANCE = {
    "versions": {"effscale": "0.1.0", "jax": "0.10.2"},
    "device": "cpu",
    "source_revision": "abc123",
    "created_at": "2026-01-02T03:04:05.000Z",
}


def config(search: SearchSpec, at: int = 0, ties: tuple[int, ...] | None = (), **fields: Any) -> dict[str, Any]:
    feasible = catalogue.of(search).feasible
    return scaling_config(
        search,
        document(search, feasible[at % len(feasible)], **fields),
        None if ties is None else [document(search, feasible[tie % len(feasible)]) for tie in ties],
        shown=dict.fromkeys(("conclusion", "controls", "transfer", "importance")),
        dataset_hash="0123",
        test_accuracy=0.96,
        totals={"trials": 24, "device_seconds": 321.5},
        provenance=PROVENANCE,
    )


PLACES = st.integers(0, 1000)


@settings(max_examples=40)
@example(SPECS[0], 0, None, "\x85 \u2028 \ufeff \x00", "yaml")
@given(
    st.sampled_from(SPECS),
    PLACES,
    st.one_of(st.none(), st.lists(PLACES, max_size=3).map(tuple)),
    st.text(max_size=20),
    st.sampled_from(("json", "yaml")),
)
def test_an_export_reads_back(
    search: SearchSpec, at: int, ties: tuple[int, ...] | None, message: str, form: str
) -> None:
    found = config(search, at, ties, message=message)
    assert from_export(export(found, form), form) == found


@pytest.mark.parametrize("search", SPECS)
def test_the_winners_coefficients_give_the_winner(search: SearchSpec) -> None:
    """In the calculator, and as the member of the family that was searched for."""
    for at in range(0, 40, 7):
        found = config(search, at)
        coefficients = {name: found["coefficients"][name] for name in ("alpha", "beta", "gamma")}
        multipliers = Coefficients(**coefficients).multipliers(search.phi)
        rounding = search.space.depth_rounding
        network = search.network.scale(multipliers, classes=10, rounding=rounding)
        network = regularized(network, search.recipe, found["winner"]["cost"]["macs_ratio"])
        shape = found["winner"]["architecture"]
        assert {**network.document(), "drop_path": network.drop_path} == shape
        (row,) = (row for row in found["family"] if row["phi"] == search.phi)
        for name in ("depths", "widths", "stem", "head", "resolution"):
            assert row[name] == shape[name]
        assert row["macs_ratio"] == found["winner"]["cost"]["macs_ratio"]


def test_the_keys_are_those_of_the_contract() -> None:
    found = config(SPECS[0])
    assert {name: list(found[name]) for name in ("coefficients", "intervals", "evidence", "provenance")} == {
        "coefficients": ["alpha", "beta", "gamma", "product"],
        "intervals": ["alpha", "beta", "gamma"],
        "evidence": [
            *("dataset", "dataset_hash", "recipe", "seeds", "accuracy", "accuracy_ci95", "test_accuracy"),
            *("transfer", "trials", "device_seconds", "importance"),
        ],
        "provenance": ["versions", "device", "source_revision", "spec", "stage_table", "seeds", "created_at"],
    }
    assert list(found) == [
        *("schema", "coefficients", "intervals", "baseline", "winner", "ties", "front", "conclusion", "controls"),
        *("family", "evidence", "provenance"),
    ]
    assert found["schema"] == "effscale/scaling-config/1"
    assert found["provenance"]["seeds"] == {"search": 0, "final": [1, 2, 3, 4, 5]}
    baseline: Baseline = from_table(found["provenance"]["stage_table"])
    assert baseline == SPECS[0].network


def test_the_family_follows_the_real_cost() -> None:
    found = config(SPECS[1])
    for row in found["family"][2:]:
        assert math.log2(row["macs_ratio"]) == pytest.approx(row["phi"], abs=0.1)
    assert any(abs(math.log2(row["nominal_macs_ratio"]) - row["phi"]) > 0.1 for row in found["family"])


def test_a_family_ends_where_nothing_else_can_be_built() -> None:
    search = spec(space={"alpha": [2, 2]}, target={"tolerance": 0.2})
    rows = config(search)["family"]
    first, last = rows[0]["phi"], rows[-1]["phi"]
    assert [row["phi"] for row in rows] == list(range(first, last + 1))
    assert first < 0 < last
    assert len({(tuple(row["depths"]), tuple(row["widths"]), row["resolution"]) for row in rows}) == len(rows)


def test_an_export_with_the_older_rule_of_families_reads_back() -> None:
    found = config(SPECS[1])
    coefficients = Coefficients(*(found["coefficients"][name] for name in ("alpha", "beta", "gamma")))
    old = {
        **found,
        "family": by_resolution(SPECS[1].network, coefficients, built(SPECS[1], found["winner"]), SPECS[1].document()),
    }
    assert from_export(export(old))["family"][1]["name"] == "B1"
    old["family"][2]["macs"] += 1
    with pytest.raises(InvalidExport, match="/family/2/macs"):
        from_export(export(old))


NUMBERS = [
    ("coefficients", "alpha"),
    ("coefficients", "product"),
    ("intervals", "beta", 1),
    ("intervals", "gamma", 0),
    ("winner", "beta"),
    ("winner", "architecture", "depths", 0),
    ("winner", "architecture", "widths", 2),
    ("winner", "architecture", "stem"),
    ("winner", "architecture", "resolution"),
    ("winner", "architecture", "drop_path"),
    ("ties", 0, "architecture", "dropout"),
    ("winner", "cost", "params"),
    ("winner", "cost", "macs_ratio"),
    ("ties", 0, "architecture", "head"),
    ("ties", 0, "cost", "activations"),
    ("family", 3, "depth"),
    ("family", 3, "widths", 1),
    ("family", 3, "resolution"),
    ("family", 3, "macs"),
    ("family", 3, "receptive_field"),
    ("provenance", "stage_table", "stages", 1, "width"),
]


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: "/".join(map(str, path)))
def test_every_number_is_checked(path: tuple[str | int, ...]) -> None:
    found = copy.deepcopy(config(SPECS[0], 0, (3,)))
    part: Any = found
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] += 1
    with pytest.raises(InvalidExport):
        from_export(json.dumps(found))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=4,
)


@settings(max_examples=150)
@given(st.data(), JSON)
def test_whatever_is_changed_reads_back_or_is_refused(data: st.DataObject, value: object) -> None:
    found = copy.deepcopy(config(SPECS[0], 0, (3,)))
    part: Any = found
    while True:
        step = data.draw(st.sampled_from(sorted(part)) if isinstance(part, dict) else st.integers(0, len(part) - 1))
        if not isinstance(part[step], dict | list) or not part[step] or data.draw(st.integers(0, 4)) == 0:
            break
        part = part[step]
    part[step] = value
    text = json.dumps(found)
    try:
        read = from_export(text)
    except InvalidExport:
        return
    assert read == json.loads(text)


def test_the_networks_of_a_front_are_checked_too() -> None:
    search = SPECS[0]
    found = config(search)
    found["front"] = {"knee": 0, "trials": [document(search, catalogue.of(search).feasible[at]) for at in (0, 3)]}
    assert from_export(export(found)) == found
    found["front"]["trials"][1]["cost"]["macs"] += 1
    with pytest.raises(InvalidExport, match=r"/front/trials/1/cost/macs is"):
        from_export(export(found))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is no json"),
        ("[" * 100_000, "this is no json"),
        ('{"schema": "effscale/scaling-config/1", "winner": {}, "coefficients": "x"}', "not complete"),
        ("[]", "this is no effscale/scaling-config/1 document"),
        ('{"schema": "effscale/scaling-config/2"}', "this is no effscale/scaling-config/1 document"),
        ('{"schema": "effscale/scaling-config/1"}', "not complete: KeyError"),
    ],
)
def test_what_is_no_export_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidExport, match=said):
        from_export(text)


def test_yaml_is_plain_data_in_the_same_order() -> None:
    found = config(SPECS[0])
    text = export(found, "yaml")
    assert list(yaml.safe_load(text)) == list(found)
    with pytest.raises(InvalidExport, match="this is no yaml"):
        from_export("!!python/object/apply:os.getcwd []", "yaml")


def test_formats_are_named() -> None:
    found = config(SPECS[0])
    for form in ("docx", "csv"):
        with pytest.raises(UnknownFormat, match=f"written as json or yaml, not '{form}'"):
            export(found, form)
    with pytest.raises(UnknownFormat):
        from_export("", "csv")


def test_nothing_finished_is_nothing_to_export() -> None:
    found = config(SPECS[0])
    with pytest.raises(NothingFinished):
        trials_csv([{**found["winner"], "state": "pruned"}])
    with pytest.raises(NothingFinished):
        scaling_config(
            SPECS[0], None, None, shown={}, dataset_hash="", test_accuracy=None, totals={}, provenance=PROVENANCE
        )


def test_a_table_has_one_flat_row_a_trial() -> None:
    search = SPECS[0]
    trials = [
        document(search, catalogue.of(search).feasible[0], generalization_gap=-0.25, ties=True),
        document(search, catalogue.of(search).feasible[1], number=1, state="pruned", accuracy_ci95=None),
    ]
    first, second = csv.DictReader(io.StringIO(trials_csv(trials)))
    assert tuple(first) == COLUMNS
    assert [int(depth) for depth in first["depths"].split()] == trials[0]["architecture"]["depths"]
    assert (first["generalization_gap"], first["ties"], first["accuracy_low"]) == ("-0.25", "true", "0.97")
    assert (second["number"], second["state"], second["accuracy_low"], second["message"]) == ("1", "pruned", "", "")
    assert int(first["macs"]) == trials[0]["cost"]["macs"]


@given(st.sampled_from(tuple("=+-@\t\r")), st.text(max_size=20))
def test_no_text_runs_in_a_spreadsheet(sign: str, rest: str) -> None:
    trial = document(SPECS[0], catalogue.of(SPECS[0]).feasible[0], message=sign + rest)
    (row,) = csv.DictReader(io.StringIO(trials_csv([trial]), newline=""))
    assert row["message"] == "'" + sign + rest
