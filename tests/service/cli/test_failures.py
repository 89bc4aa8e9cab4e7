"""What commands say when they fail: once, with the right exit status, and as a problem document with --json."""

import json

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from service.cli.app import app
from service.version import VERSION
from tests.service.cli.conftest import Done, Effscale
from tests.service.cli.served import Served

SPEC = {"dataset": "digits", "baseline": "efficientnet-nano"}
MEMBERS = {"type", "title", "status", "code", "detail", "errors"}
# (arguments, exit status, HTTP status, standard input) of commands that the server refuses
REFUSED: dict[str, tuple[tuple[str, ...], int, int, object]] = {
    "one field": (("submit", "-"), 2, 422, {**SPEC, "phi": "x"}),
    "several fields": (("submit", "-"), 2, 422, {**SPEC, "phi": "x", "trials": 0, "unknown": 1}),
    "a stage table": (("submit", "-"), 2, 422, {**SPEC, "baseline": {"extends": "resnet-18", "stages": [{"a": 1}]}}),
    "an impossible search": (("submit", "-"), 2, 422, {**SPEC, "target": {"ratio": 90_000}}),
    "a data set": (("submit", "-"), 2, 422, {**SPEC, "dataset": "nothing"}),
    "an unknown search": (("show", "s0"), 2, 404, None),
    "an unknown search to watch": (("watch", "s0"), 2, 404, None),
    "an unknown trial": (("show", "{ended}", "--trial", "99"), 2, 404, None),
    "an impossible transition": (("cancel", "{ended}"), 1, 409, None),
    "a search that runs": (("delete", "{running}"), 1, 409, None),
    "a filter": (("leaderboard", "{ended}", "--where", "size < 3"), 2, 422, None),
    "an order": (("leaderboard", "{ended}", "--sort", "beauty"), 2, 422, None),
    "a state": (("list", "--state", "happy"), 2, 422, None),
}  # fmt: skip
# (arguments, exit status, HTTP status, code, standard input) of commands that fail on this side
LOCAL: dict[str, tuple[tuple[str, ...], int, int, str, str]] = {
    "no server": (("list", "--server", "http://127.0.0.1:9"), 1, 503, "unreachable", ""),
    "no address": (("list", "--server", "nowhere"), 2, 400, "bad-usage", ""),
    "another scheme": (("list", "--server", "ftp://127.0.0.1"), 2, 400, "bad-usage", ""),
    "no port": (("list", "--server", "http://127.0.0.1:99999"), 2, 400, "bad-usage", ""),
    "no database": (("migrate", "--database-url", "nowhere"), 2, 400, "bad-usage", ""),
    "another database": (("keys", "list", "--database-url", "oracle://127.0.0.1/x"), 2, 400, "bad-usage", ""),
    "no port of a database": (("migrate", "--database-url", "postgresql://u:p@127.0.0.1:x/y"), 2, 400, "bad-usage", ""),
    "no such option": (("list", "--colour"), 2, 400, "bad-usage", ""),
    "a missing argument": (("show",), 2, 400, "bad-usage", ""),
    "no such command": (("dance",), 2, 400, "bad-usage", ""),
    "a file that is not there": (("plan", "none.json"), 2, 400, "bad-usage", ""),
    "a text that is no JSON": (("plan", "-"), 2, 400, "bad-usage", "{"),
    "a specification": (("plan", "-"), 2, 422, "invalid-spec", '{"dataset": "digits", "phi": "x"}'),
    "an impossible search": (("plan", "-"), 2, 422, "invalid-spec", json.dumps({**SPEC, "target": {"ratio": 90_000}})),
    "a baseline": (("scale", "resnet-1", "--preset", "b0"), 2, 404, "unknown-baseline", ""),
    "a data set": (("datasets", "show", "nothing"), 2, 404, "unknown-dataset", ""),
    "coefficients": (("scale", "efficientnet-b0", "--alpha", "1"), 2, 400, "bad-usage", ""),
    "weights": (("weights", "show", "nothing"), 2, 400, "bad-usage", ""),
    "a key": (("keys", "revoke", "k0"), 2, 400, "bad-usage", ""),
}


def problem_of(done: Done) -> dict[str, object]:
    """The one problem document of a command, on the last line of standard error; standard output is for results."""
    assert done.out == ""
    document = json.loads(done.err.splitlines()[-1])
    assert set(document) == MEMBERS
    assert document["type"].endswith(document["code"])
    assert {frozenset(entry) for entry in document["errors"]} <= {frozenset({"pointer", "message"})}
    return dict(document)


def said_once(text: str, document: dict[str, object]) -> bool:
    """Whether a message for people tells all that the document tells, and nothing twice."""
    errors = [str(entry["message"]) for entry in document["errors"]]  # type: ignore[attr-defined]
    told = errors or [str(document["detail"])]
    return all(text.count(message) == 1 for message in told)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_server_refuses_is_said_once(effscale: Effscale, served: Served, name: str) -> None:
    arguments, status, http_status, body = REFUSED[name]
    words = [word.format(ended=served.ended, running=served.running) for word in arguments]
    stdin = "" if body is None else json.dumps(body)
    plain = effscale(*words, "--server", served.url, stdin=stdin)
    machine = effscale(*words, "--server", served.url, "--json", stdin=stdin)
    assert (plain.status, machine.status) == (status, status)
    document = problem_of(machine)
    assert document["status"] == http_status
    assert plain.err.startswith("error: ")
    assert said_once(plain.err, document), plain.err


@pytest.mark.parametrize("name", LOCAL)
def test_what_fails_on_this_side_is_a_problem_too(effscale: Effscale, name: str) -> None:
    arguments, status, http_status, code, stdin = LOCAL[name]
    plain, machine = effscale(*arguments, stdin=stdin), effscale(*arguments, "--json", stdin=stdin)
    assert (plain.status, machine.status) == (status, status)
    document = problem_of(machine)
    assert (document["status"], document["code"]) == (http_status, code)
    assert said_once(plain.err, document), plain.err


def test_every_field_that_is_wrong_has_its_pointer(effscale: Effscale, served: Served) -> None:
    stdin = json.dumps({**SPEC, "phi": "x", "trials": 0})
    for arguments in (("plan", "-"), ("submit", "-", "--server", served.url)):
        document = problem_of(effscale(*arguments, "--json", stdin=stdin))
        assert [entry["pointer"] for entry in document["errors"]] == ["/phi", "/trials"]  # type: ignore[attr-defined]


def everything() -> list[tuple[str, ...]]:
    """The command itself, all its groups and all commands."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    found: list[tuple[str, ...]] = [()]
    for name, command in root.commands.items():
        found.append((name,))
        found += [(name, inner) for inner in command.commands] if isinstance(command, TyperGroup) else []
    return found


@pytest.mark.parametrize("command", everything(), ids=" ".join)
def test_help_has_a_short_name_everywhere(effscale: Effscale, command: tuple[str, ...]) -> None:
    short, long = effscale(*command, "-h"), effscale(*command, "--help")
    assert (short.status, long.status) == (0, 0)
    assert short.out == long.out
    assert short.out.startswith(" ".join(["Usage: effscale", *command]))


def test_the_version(effscale: Effscale) -> None:
    done = effscale("--version")
    assert (done.status, done.out) == (0, f"effscale {VERSION}\n")


@pytest.mark.parametrize("key", ["clé", "two words", "line\nbreak"])
def test_a_key_that_no_header_can_carry_is_bad_usage(effscale: Effscale, key: str) -> None:
    done = effscale("list", "--server", "http://127.0.0.1:9", EFFSCALE_API_KEY=key)
    assert done.status == 2
    assert done.err.startswith("error: a setting makes no sense: EFFSCALE_API_KEY: ")
    assert key not in done.err
