"""`python -m tests.house.reference`: the pages of docs/reference anew, from the code. `make docs` runs it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from search.spec.spec import SearchSpec
from service.settings import Settings
from tests.house.tree import ROOT

PAGES = ROOT / "docs" / "reference"
MADE = "Made from the code by `make docs`: change the code, not this page.\n"
Schema = Mapping[str, Any]


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {"spec.md": spec_page(), "settings.md": settings_page(), "cli.md": cli_page()}


def spec_page() -> str:
    """The specification of a search: a table for itself and for each of its parts."""
    schema = SearchSpec.model_json_schema()
    parts = {name: part for name, part in schema.get("$defs", {}).items() if part.get("type") == "object"}
    lines = ["# Specification of a search", "", MADE, "Only `dataset` and `baseline` are required. Unknown fields are"]
    lines += [
        "refused, and every error points at its field. What the fields do is told in [Searching](../searching.md),"
    ]
    lines += ["[Samplers and pruners](../samplers-and-pruners.md) and [Training](../training.md).", ""]
    lines += list(_fields("SearchSpec", schema, parts))
    for name in sorted(parts):
        lines += list(_fields(name, parts[name], parts))
    return "\n".join(lines).rstrip() + "\n"


def _fields(name: str, schema: Schema, parts: Mapping[str, Schema]) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    yield _one_line(schema.get("description", ""))
    yield ""
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for field, about in schema["properties"].items():
        default = "required" if field in schema.get("required", ()) else _default(about)
        yield f"| `{field}` | {_kind(about)} | {default} | {_meaning(about, parts)} |"
    yield ""


def _meaning(about: Schema, parts: Mapping[str, Schema]) -> str:
    """Of a field; of a part the first paragraph of what it says of itself."""
    if text := about.get("description", ""):
        return _one_line(text)
    part = parts.get(about.get("$ref", "").rsplit("/", 1)[-1], {})
    return _one_line(part.get("description", "").split("\n\n")[0])


def _kind(about: Schema) -> str:
    """The type of a field with its limits."""
    if "$ref" in about:
        name = about["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in about:
        return " or ".join(_kind(each) for each in about["anyOf"])
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in about["enum"])
    if "const" in about:
        return f"`{about['const']}`"
    kind = str(about.get("type", "any"))
    if kind == "array":
        return f"list of {_kind(about['items'])}" if "items" in about else "list"
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    said = [f"{sign} {about[word]:,}" for word, sign in limits.items() if word in about]
    return " ".join([kind, ", ".join(said)]).strip()


def _default(about: Schema) -> str:
    if "default" not in about:
        return ""
    value = about["default"]
    return "a part with its own defaults" if isinstance(value, dict) and value else f"`{json.dumps(value)}`"


def settings_page() -> str:
    """Environment variables with their defaults."""
    lines = [
        "# Settings",
        "",
        MADE,
        "Environment variables. Options of a command win over them. There is no configuration",
    ]
    lines += ["file; `effscale config show` prints the settings in force, secrets hidden.", ""]
    lines += ["| variable | default | meaning |", "|---|---|---|"]
    for field, info in Settings.model_fields.items():
        default = "" if info.is_required() or info.default is None else f"`{info.default}`"
        lines.append(f"| `EFFSCALE_{field.upper()}` | {default} | {_one_line(info.description or '')} |")
    lines.append(
        "| `EFFSCALE_DEBUG` | | 1: a command that fails for a reason that was not foreseen prints its traceback. |"
    )
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Every command with its arguments and options."""
    from typer.core import TyperGroup
    from typer.main import get_command

    from service.cli.app import app

    root = get_command(app)
    lines = ["# Commands", "", MADE]
    lines += [
        "Every command that prints data takes `--json`. Exit status: 0 done, 1 the job failed, 2 bad usage or bad",
        "input, 130 interrupted.",
        "",
    ]
    if not isinstance(root, TyperGroup):
        raise TypeError("the console script has no commands")
    for name, command in sorted(root.commands.items()):
        children = command.commands if isinstance(command, TyperGroup) else {"": command}
        for child, one in sorted(children.items()):
            lines += list(_command(f"effscale {name} {child}".strip(), one))
    return "\n".join(lines).rstrip() + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    usage = " ".join([name, *(_argument(each) for each in arguments)])
    yield f"## `{name}`"
    yield ""
    yield _one_line(command.help or "")
    yield ""
    yield f"`{usage}`"
    yield ""
    if options:
        yield "| option | meaning |"
        yield "|---|---|"
        for option in options:
            names = ", ".join(f"`{each}`" for each in (*option.opts, *option.secondary_opts))
            yield f"| {names} | {_one_line(option.help or '')} |"
        yield ""


def _argument(argument: Any) -> str:
    word = argument.metavar or argument.name.upper()
    word = f"{word}…" if argument.nargs == -1 else word
    return word if argument.required else f"[{word}]"


def _one_line(text: str) -> str:
    """A text as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
