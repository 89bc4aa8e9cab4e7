"""`effscale submit --warm-start`: the table of an earlier search becomes known results of a new one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from search.exports.config import trials_csv
from search.space import catalogue
from search.spec.spec import SearchSpec
from tests.search.records import document, spec
from tests.service.cli.conftest import Effscale

SPEC = {"dataset": "digits", "baseline": "efficientnet-nano"}


@contextmanager
def service() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a server that takes searches, and the bodies it was sent."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()
            self.wfile.write(b'{"id": "s1"}')

        def log_message(self, *_: Any) -> None:
            """Standard error is the command's."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()
        thread.join()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(SPEC), encoding="utf-8")
    return path


def test_the_table_of_a_search_is_told_to_the_next(effscale: Effscale, file: Path, tmp_path: Path) -> None:
    search = spec()
    picked = catalogue.of(search).feasible[:4]
    states = ("completed", "pruned", "cached", "failed")
    trials = [
        document(search, candidate, number=at, state=state, accuracy=None if state == "failed" else 0.9 + at / 100)
        for at, (candidate, state) in enumerate(zip(picked, states, strict=True))
    ]
    table = tmp_path / "trials.csv"
    table.write_bytes(trials_csv(trials).encode())
    with service() as (server, bodies):
        done = effscale("submit", str(file), "--warm-start", str(table), "--server", server)
    assert (done.status, done.out) == (0, "s1\n")
    (body,) = bodies
    names = ("alpha", "beta", "gamma", "accuracy")
    assert body["warm_start"]["trials"] == [{name: trials[at][name] for name in names} for at in (0, 2)]
    assert SearchSpec.model_validate(body).warm_start.trials[1].accuracy == 0.92


def test_a_table_of_ones_own_comes_behind_what_the_spec_says(effscale: Effscale, file: Path, tmp_path: Path) -> None:
    known = {"alpha": 1.1, "beta": 1.0, "gamma": 1.2, "accuracy": 0.8}
    file.write_text(json.dumps({**SPEC, "warm_start": {"trials": [known]}}), encoding="utf-8")
    table = tmp_path / "own.csv"
    table.write_text("\ufeffaccuracy,gamma,alpha,beta\n0.7,1,1.5,1\n,1,1,1\n", encoding="utf-8")
    with service() as (server, bodies):
        assert effscale("submit", str(file), "--warm-start", str(table), "--server", server).status == 0
    other = {"alpha": 1.5, "beta": 1.0, "gamma": 1.0, "accuracy": 0.7}
    assert bodies[0]["warm_start"]["trials"] == [known, other]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alpha,beta\n1,1\n", "has no column gamma, accuracy; it needs alpha, beta, gamma, accuracy"),
        ("alpha,beta,gamma,accuracy\n1,1,much,0.5\n", "line 2: gamma is 'much', which is no number"),
        ("alpha,beta,gamma,accuracy\n1,1\n", "no row with an accuracy"),
        ("alpha,beta,gamma,accuracy,state\n1,1,1,0.5,pruned\n", "no row with an accuracy"),
    ],
)
def test_a_table_that_says_nothing_is_refused(
    effscale: Effscale, file: Path, tmp_path: Path, text: str, said: str
) -> None:
    table = tmp_path / "odd.csv"
    table.write_text(text, encoding="utf-8")
    done = effscale("submit", str(file), "--warm-start", str(table))
    assert done.status == 2
    assert said in done.err


def test_a_table_that_is_not_there(effscale: Effscale, file: Path, tmp_path: Path) -> None:
    done = effscale("submit", str(file), "--warm-start", str(tmp_path / "none.csv"))
    assert done.status == 2
    assert "cannot read" in done.err
