"""`--latency-table`: the measured latencies of an earlier search become the target of a new one."""

import json
from pathlib import Path

import pytest

from search.exports.config import trials_csv
from search.space import catalogue
from tests.search.records import WIDE, document, spec
from tests.service.cli.conftest import Effscale
from tests.service.cli.test_warm_start import service

TARGET = {"metric": "latency_ms", "baseline_ms": 3.0, "tolerance": 0.5}
SPEC = {"dataset": "digits", "baseline": "efficientnet-nano", "target": TARGET, "space": {"resolution_multiple": 1}}
NAMES = ("alpha", "beta", "gamma")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(SPEC), encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The csv export of a search: two latencies, a trial without one, and a probe at another phi."""
    search = spec(**WIDE)
    trials = [
        document(search, candidate, number=at, phi=2.0 if at == 3 else 1.0)
        for at, candidate in enumerate(catalogue.of(search).feasible[:4])
    ]
    for latency, each in zip((5.5, 6.25, None, 6.0), trials, strict=True):
        each["cost"]["latency_ms"] = latency
    path = tmp_path / "trials.csv"
    path.write_bytes(trials_csv(trials).encode())
    return path


def test_a_plan_of_the_table_of_a_search(effscale: Effscale, file: Path, table: Path) -> None:
    done = effscale("plan", str(file), "--latency-table", str(table), "--json")
    assert done.status == 0
    assert done.document["latency_table"] == {"rows": 2, "used": 2, "networks": 2}
    assert done.document["cost"]["latency_ms"] == [5.5, 6.25]
    said = effscale("plan", str(file), "--latency-table", str(table)).out
    assert "5.5 to 6.25 ms" in said
    assert "2, by 2 of 2 rows of the table" in said


def test_submit_hands_the_table_over(effscale: Effscale, file: Path, table: Path) -> None:
    own = {"alpha": 1.1, "beta": 1.0, "gamma": 1.25, "latency_ms": 4.0}
    file.write_text(json.dumps({**SPEC, "target": {**TARGET, "table": [own]}}), encoding="utf-8")
    with service() as (server, bodies):
        done = effscale("submit", str(file), "--latency-table", str(table), "--server", server)
    assert (done.status, done.out) == (0, "s1\n")
    sent = bodies[0]["target"]
    picked = catalogue.of(spec(**WIDE)).feasible[:2]
    rows = [{name: getattr(each.coefficients, name) for name in NAMES} for each in picked]
    assert sent.pop("table") == [own, {**rows[0], "latency_ms": 5.5}, {**rows[1], "latency_ms": 6.25}]
    assert sent == TARGET


def test_known_results_of_another_phi_are_passed_over(effscale: Effscale, file: Path, tmp_path: Path) -> None:
    """`--warm-start` reads the same files, and a probe's coefficients give another network at the searched phi."""
    known = tmp_path / "known.csv"
    known.write_text("alpha,beta,gamma,phi,accuracy\n1,1,1,2,0.5\n1.1,1,1,1.0,0.6\n1.2,1,1,,0.7\n", encoding="utf-8")
    with service() as (server, bodies):
        assert effscale("submit", str(file), "--warm-start", str(known), "--server", server).status == 0
    assert [each["accuracy"] for each in bodies[0]["warm_start"]["trials"]] == [0.6, 0.7]


@pytest.mark.parametrize("command", ["plan", "submit"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alpha,beta,gamma\n1,1,1\n", "has no column latency_ms; it needs alpha, beta, gamma, latency_ms"),
        ("alpha,beta,gamma,latency_ms\n1,1,1,fast\n", "line 2: latency_ms is 'fast', which is no number"),
        ("alpha,beta,gamma,latency_ms\n1,1,1,\n", "no row with a latency at the specification's phi"),
        ("alpha,beta,gamma,phi,latency_ms\n1,1,1,2,5\n", "no row with a latency at the specification's phi"),
    ],
)
def test_a_table_without_latencies_is_refused(
    effscale: Effscale, file: Path, tmp_path: Path, command: str, text: str, said: str
) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text(text, encoding="utf-8")
    done = effscale(command, str(file), "--latency-table", str(odd))
    assert done.status == 2
    assert said in done.err


@pytest.mark.parametrize("target", [7, {"table": {"alpha": 1}}])
def test_a_target_that_cannot_take_rows(effscale: Effscale, file: Path, table: Path, target: object) -> None:
    file.write_text(json.dumps({**SPEC, "target": target}), encoding="utf-8")
    done = effscale("plan", str(file), "--latency-table", str(table))
    assert done.status == 2
    assert "/target/table of the specification is no list" in done.err


def test_what_is_wrong_with_the_target_is_said_with_its_place(effscale: Effscale, file: Path, table: Path) -> None:
    file.write_text(json.dumps({**SPEC, "target": {"metric": "latency_ms"}}), encoding="utf-8")
    done = effscale("plan", str(file), "--latency-table", str(table))
    assert done.status == 2
    assert "/target/baseline_ms: the metric 'latency_ms' needs target.baseline_ms" in done.err
