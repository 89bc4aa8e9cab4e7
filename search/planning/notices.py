"""What a plan says beside its counts: sentences for people, with a change of the spec where one would help."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Severity = Literal["note", "warning"]
Notice = dict[str, Any]
Remedy = tuple[str, Any]


def notice(code: str, message: str, severity: Severity = "note", remedy: Remedy | None = None) -> Notice:
    """A notice as the contract has it.

    A `warning` says that the result will be worse than it need be, or none; a `note` is to be known. `remedy` is a
    field of the spec, as a JSON pointer (RFC 6901), with the value that would help.
    """
    change = None if remedy is None else {"pointer": remedy[0], "value": remedy[1]}
    return {"code": code, "message": message, "severity": severity, "remedy": change}


def remedies(notices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The changes that notices name, by pointer; where two name the same field, the first counts.

    >>> remedies([notice("a", "…", remedy=("/trials", 9)), notice("b", "…"), notice("c", "…", remedy=("/trials", 8))])
    {'/trials': 9}
    """
    found: dict[str, Any] = {}
    for one in notices:
        if (change := one.get("remedy")) is not None:
            found.setdefault(change["pointer"], change["value"])
    return found


def applied(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A spec's document with these changes, by JSON pointer; the document itself stays as it is.

    >>> applied({"trials": 3, "sampler": {"name": "tpe"}}, {"/sampler/window": 2, "/finalists/count": 1})
    {'trials': 3, 'sampler': {'name': 'tpe', 'window': 2}, 'finalists': {'count': 1}}
    """
    found = dict(document)
    for pointer, value in changes.items():
        first, *rest = pointer.removeprefix("/").split("/", 1)
        name = first.replace("~1", "/").replace("~0", "~")
        found[name] = applied(found.get(name) or {}, {f"/{rest[0]}": value}) if rest else value
    return found
