"""`effscale plan`: a dry run of a search, on this machine, without a service."""

from collections.abc import Sequence
from json import dumps
from typing import Annotated, Any

import typer

from models.wording import counted
from service.cli.inputs.latency_table import LatencyTable, with_latencies
from service.cli.inputs.options import DataDir, Json
from service.cli.inputs.spec_file import checked, read_document
from service.cli.presentation.output import duration, emit, note, warn
from service.cli.presentation.screen import remark
from service.cli.presentation.table import pairs

SpecPath = Annotated[
    str,
    typer.Argument(
        metavar="SPEC", help="A search specification: .json, .yaml or .toml; - is standard input.", show_default=False
    ),
]


Apply = Annotated[
    bool,
    typer.Option(
        "--apply", help="Print the specification, as JSON, with every remedy of the notices put into it; no plan."
    ),
]
ROUNDS = 10  # of remedies at most: one may bring up another


def plan(
    spec: SpecPath,
    latency_table: LatencyTable = None,
    apply: Apply = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """How many networks a search can choose from, what they cost, and what to look out for. Trains nothing.

    Data sets of one's own are those registered in the data directory. `effscale plan SPEC --apply > BETTER.json` keeps
    what was written in SPEC, and changes the fields that the notices name.
    """
    from search.planning.plan import plan as plan_of

    document = read_document(spec)
    if latency_table is not None:
        document = with_latencies(document, latency_table)
    if apply:
        emit(_remedied(document, spec, data_dir))
        return
    document = plan_of(checked(document, spec, data_dir))
    if json:
        emit(document)
    else:
        show_plan(document)


def _remedied(document: dict[str, Any], path: str, data_dir: str | None) -> dict[str, Any]:
    """The document with all remedies, each told on standard error; those of the plan that then follows as well."""
    from search.planning.notices import applied, remedies
    from search.planning.plan import plan as plan_of

    for _ in range(ROUNDS):
        changes = remedies(plan_of(checked(document, path, data_dir))["warnings"])
        if not changes:
            break
        for pointer, value in changes.items():
            note(f"{_field(pointer)} is now {_value(value)}")
        document = applied(document, changes)
    checked(document, path, data_dir)
    return document


def show_plan(document: dict[str, Any]) -> None:
    """A plan for a person; its warnings go to standard error."""
    catalogue, cost, seconds = document["catalogue"], document["cost"], document["device_seconds"]
    pairs(
        [
            ("distinct networks", catalogue["distinct"]),
            ("feasible", catalogue["feasible"]),
            ("multiply-adds", "{:.4g} to {:.4g} times the baseline".format(*cost["macs_ratio"])),
            ("parameters", "{:,} to {:,}".format(*cost["params"])),
            ("activations", "{:,} to {:,}".format(*cost["activations"])),
            *_latency(document),
            *_limits(document),
            ("trainings", _trainings(document["runs"])),
            ("controls", _controls(document.get("controls", []))),
            *_trained_to_end(document),
            ("programs to compile", document["programs"]),
            (
                "device time",
                f"about {duration(seconds['estimate'])} ({duration(seconds['low'])} to {duration(seconds['high'])})",
            ),
            ("which rests on", seconds["basis"]),
        ]
    )
    for suggestion in document.get("suggestions", []):  # a plan of an older service has none
        remark(f"to have more to choose from: {suggestion['message']}")
    for notice in document["warnings"]:
        (note if notice.get("severity") == "note" else warn)(f"{notice['message']}{_remedy(notice.get('remedy'))}")


def _remedy(change: dict[str, Any] | None) -> str:
    """What would help, behind a notice.

    >>> _remedy({"pointer": "/sampler/window", "value": 4})
    '. Remedy: sampler.window 4 (--apply)'
    """
    return "" if change is None else f". Remedy: {_field(change['pointer'])} {_value(change['value'])} (--apply)"


def _field(pointer: str) -> str:
    return pointer.strip("/").replace("/", ".")


def _value(value: object) -> str:
    return dumps(value)


def _trained_to_end(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What the pruner leaves, where it stops any. A plan of an older service says nothing of it."""
    found, trials = document.get("trained_to_end"), document["runs"]["search"]
    if found is None or found["about"] >= trials:
        return []
    return [("trained to the end", f"about {found['about']:,} of {trials:,}, at least {found['at_least']:,}")]


def _latency(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Of a target in latency. A plan of an older service says nothing of it."""
    table, found = document.get("latency_table"), document["cost"].get("latency_ms")
    if table is None or found is None:
        return []
    measured = "{networks:,}, by {used:,} of {rows:,} rows of the table".format(**table)
    return [("latency", "{:.4g} to {:.4g} ms".format(*found)), ("measured networks", measured)]


def _controls(controls: Sequence[dict[str, Any]]) -> str | None:
    """Names of the simple choices with their real cost.

    >>> _controls([{"name": "depth", "ratio": 2.117}, {"name": "width", "ratio": None}])
    'depth 2.117x, width not possible'
    """
    costs = ("not possible" if each["ratio"] is None else f"{each['ratio']:.4g}x" for each in controls)
    return ", ".join(f"{each['name']} {cost}" for each, cost in zip(controls, costs, strict=True)) or None


def _limits(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What each further ceiling takes away. A plan of an older service has none."""
    return [
        (
            f"{limit['metric']} at most {limit['at_most']:,.12g}",
            f"removes {limit['removes']:,} of {counted(limit['of'], 'network')} that meet the target",
        )
        for limit in document.get("limits", [])
    ]


def _trainings(runs: dict[str, int]) -> str:
    """As "24, 15 finals, 9 probes".

    >>> _trainings({"search": 24, "final": 15, "probe": 0})
    '24, 15 finals'
    """
    roles = (role for role in ("final", "control", "probe") if runs.get(role))  # a plan of an older service lacks some
    return ", ".join([f"{runs['search']}", *(counted(runs[role], role) for role in roles)])
