"""Reading SPEC.json: from a file or standard input, with errors that say where."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.cli.inputs.options import settings
from service.cli.presentation.failure import UsageFailure

if TYPE_CHECKING:
    from search.spec.spec import SearchSpec

STANDARD_INPUT = "-"


def read_document(path: str) -> dict[str, Any]:
    """The JSON object in a file; '-' is standard input."""
    name = "standard input" if path == STANDARD_INPUT else path
    try:
        data = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    except OSError as error:
        raise UsageFailure(f"cannot read {name}: {error.strerror or error}") from None
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise UsageFailure(f"{name} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise UsageFailure(f"{name} is not UTF-8: byte {error.start} is {data[error.start]:#04x}") from None
    except RecursionError:
        raise UsageFailure(f"{name} is nested too deeply for a search specification") from None
    except ValueError as error:
        raise UsageFailure(f"{name}: {error}") from None
    if not isinstance(document, dict):
        raise UsageFailure(f"{name} holds a JSON {type(document).__name__}; a search specification is an object")
    return document


def checked(document: dict[str, Any], path: str, data_dir: str | None = None) -> "SearchSpec":
    """The specification that a document is; every field that is wrong is named by its JSON pointer."""
    from pydantic import ValidationError

    from search.spec.spec import SearchSpec
    from service.library.datasets import registry_of

    datasets = registry_of(settings(data_dir=data_dir).data_dir)
    try:
        return SearchSpec.model_validate(document, context={"datasets": datasets})
    except ValidationError as error:
        errors = [(_pointer(part["loc"]), _plain(part["msg"])) for part in error.errors()]
        raise UsageFailure(f"{path} is not a search specification", errors) from None


def _pointer(location: tuple[int | str, ...]) -> str:
    """RFC 6901."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
