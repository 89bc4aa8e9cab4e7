"""The life of a search: submit, list, show, leaderboard, pause, resume, cancel, delete, export."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.commands.plan import SpecPath
from service.cli.commands.trials import diagnosis, front, show_leaderboard, show_trial, transfer
from service.cli.commands.watching import ended, watch_to_the_end
from service.cli.inputs.latency_table import LatencyTable, with_latencies
from service.cli.inputs.options import Identity, Json, Server, Wide, connect
from service.cli.inputs.spec_file import read_document
from service.cli.inputs.warm_start import WarmStart, with_results
from service.cli.presentation.conclusion import conclusion_rows
from service.cli.presentation.controls import show_controls
from service.cli.presentation.failure import UsageFailure
from service.cli.presentation.output import duration, emit, moment, percent
from service.cli.presentation.screen import remark
from service.cli.presentation.table import Column, pairs, table

COLUMNS = (
    *(Column("id"), Column("name", 2, wraps=True), Column("state"), Column("done", 1, percent)),
    *(Column("best", 1, percent), Column("created", 3, moment)),
)


def submit(
    spec: SpecPath,
    server: Server = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    warm_start: WarmStart = None,
    latency_table: LatencyTable = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key", help="The same key never makes a second search [random].", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Hand a search to the service."""
    import secrets

    document = read_document(spec)
    if warm_start is not None:
        document = with_results(document, warm_start)
    if latency_table is not None:
        document = with_latencies(document, latency_table)
    with connect(server) as client:
        search = client.submit(document, key or secrets.token_hex(16))
        if watch:
            if not json:
                print(f"search {search['id']}", file=sys.stderr)
            watch_to_the_end(client, search["id"], server, json=json)
        elif json:
            emit(search)
        else:
            print(search["id"])


def list_(
    server: Server = None,
    state: Annotated[str | None, typer.Option(help="Only searches in this state.", show_default=False)] = None,
    name: Annotated[str | None, typer.Option(help="Only searches of this name.", show_default=False)] = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """The searches of the service, newest first."""
    filters = {key: value for key, value in (("state", state), ("name", name)) if value is not None}
    with connect(server) as client:
        searches = client.searches(**filters)
    if json:
        emit({"items": searches, "next_cursor": None})
        return
    table(COLUMNS, [_line(search) for search in searches], wide=wide)


def show(
    identity: Identity,
    server: Server = None,
    trial: Annotated[
        int | None, typer.Option("--trial", min=0, help="Show this trial with its trainings.", show_default=False)
    ] = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """One search: state, counters, best network so far; or one of its trials, with what its curves say."""
    with connect(server) as client:
        document = client.search(identity) if trial is None else client.trial(identity, trial)
    if json:
        emit(document)
    elif trial is None:
        show_search(document)
        show_controls(document["controls"], wide=wide)
    else:
        show_trial(document, wide=wide)


def leaderboard(
    identity: Identity,
    server: Server = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Rows.")] = 20,
    sort: Annotated[
        str | None, typer.Option(help="A column such as macs; -macs sorts downwards.", show_default=False)
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Filter: 'params < 8e6 and accuracy >= 0.9'.", show_default=False)
    ] = None,
    pareto: Annotated[
        bool,
        typer.Option(
            "--pareto", help="Only trials none beats in the search's objectives; with one: accuracy and MACs."
        ),
    ] = False,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """The trials of a search, best first."""
    asked = {"limit": limit, "sort": sort, "where": where, "pareto": "true" if pareto else None}
    query = {name: value for name, value in asked.items() if value is not None}
    with connect(server) as client:
        board = client.leaderboard(identity, **query)
        search = None if json else client.search(identity)
    if search is None:
        emit(board)
    else:
        show_leaderboard(board["items"], search["spec"]["objectives"], wide=wide)
        if pareto and search["front"]:
            remark(front(search["front"]))
        show_controls(search["controls"], wide=wide)
        for name, text in conclusion_rows(search):
            remark(f"{name}: {text}")


def pause(identity: Identity, server: Server = None, json: Json = False) -> None:
    """Lease nothing more; running trials save themselves and stop."""
    with connect(server) as client:
        _changed(client.pause(identity), json)


def resume(identity: Identity, server: Server = None, json: Json = False) -> None:
    """Go on after a pause."""
    with connect(server) as client:
        _changed(client.resume(identity), json)


def cancel(identity: Identity, server: Server = None, json: Json = False) -> None:
    """End a search for good; finished trials keep their results."""
    with connect(server) as client:
        _changed(client.cancel(identity), json)


def delete(identity: Identity, server: Server = None, json: Json = False) -> None:
    """Delete a search that has ended, with all that was stored of it."""
    with connect(server) as client:
        client.delete(identity)
    emit({"id": identity, "deleted": True}) if json else print(f"search {identity} was deleted")


def export(
    identity: Identity,
    form: Annotated[str, typer.Option("--format", help="json, yaml, csv, … as the service offers.")] = "json",
    output: Annotated[
        Path | None, typer.Option("--output", help="File to write [standard output].", show_default=False)
    ] = None,
    choose: Annotated[
        int | None,
        typer.Option(min=0, help="Another finished trial than the one that the search names.", show_default=False),
    ] = None,
    server: Server = None,
) -> None:
    """The answer of a search as a file."""
    with connect(server) as client:
        data = client.export(identity, form, choose)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise UsageFailure(f"cannot write {output}: {error.strerror or error}") from None


def show_search(search: dict[str, Any]) -> None:
    """A search for a person."""
    best, trials, runs = search["best"], search["trials"], search["runs"]
    counted = ", ".join(f"{count} {state}" for state, count in trials.items() if count and state != "planned")
    pairs(
        [
            ("id", search["id"]),
            ("name", search["name"] or None),
            ("state", _with_reason(search)),
            ("trials", f"{trials['planned']} planned; {counted or 'none begun'}"),
            ("runs", f"{runs['finished']} of {runs['planned']} done ({percent(search['progress'])})"),
            ("best", None if best is None else _best(best)),
            ("front", front(search["front"]) if search.get("front") else None),
            ("transfer", transfer(search["transfer"]) if search.get("transfer") else None),
            *conclusion_rows(search),
            ("its diagnosis", None if best is None else diagnosis(best)),
            ("diagnoses", ", ".join(f"{count} {label}" for label, count in search["diagnoses"].items()) or None),
            ("device time", duration(search["device_seconds"])),
            ("time left", duration(search["estimated_seconds_left"])),
            ("created", search["created_at"]),
            ("finished", search["finished_at"]),
        ]
    )


def _best(trial: dict[str, Any]) -> str:
    coefficients = ", ".join(f"{name} {trial[name]:g}" for name in ("alpha", "beta", "gamma"))
    return f"trial {trial['number']}: {percent(trial['accuracy'])} with {coefficients}"


def _line(search: dict[str, Any]) -> tuple[object, ...]:
    best = search["best"]
    accuracy = None if best is None else best["accuracy"]
    return search["id"], search["name"], search["state"], search["progress"], accuracy, search["created_at"]


def _with_reason(search: dict[str, Any]) -> str:
    details = [text for text in (search["reason"], search["message"]) if text]
    return f"{search['state']} ({': '.join(details)})" if details else str(search["state"])


def _changed(search: dict[str, Any], json: bool) -> None:
    emit(search) if json else print(f"search {search['id']} {ended(search['state'])}")
