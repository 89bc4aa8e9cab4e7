"""Reading a specification, JSON, YAML or TOML: from a file or standard input, with errors that say where."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.cli.inputs.formats import Malformed, decoded, format_of
from service.cli.inputs.options import settings
from service.cli.presentation.failure import UsageFailure

if TYPE_CHECKING:
    from search.spec.spec import SearchSpec

STANDARD_INPUT = "-"


def read_document(path: str) -> dict[str, Any]:
    """The specification in a file, as JSON would hold it; '-' is standard input."""
    name = named(path)
    try:
        data = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    except OSError as error:
        raise UsageFailure(f"cannot read {name}: {error.strerror or error}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageFailure(f"{name} is not UTF-8: byte {error.start} is {data[error.start]:#04x}") from None
    form = format_of(Path(path).suffix, text)
    try:
        document = decoded(text, form)
    except Malformed as error:
        raise UsageFailure(f"{name} {error}") from None
    except RecursionError:
        raise UsageFailure(f"{name} is nested too deeply for a search specification") from None
    if not isinstance(document, dict):
        raise UsageFailure(f"{name} holds a {form} {type(document).__name__}; a search specification is an object")
    return document


def named(path: str) -> str:
    """A file in a message."""
    return "standard input" if path == STANDARD_INPUT else path


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
        raise UsageFailure(f"{named(path)} is not a search specification", errors) from None


def _pointer(location: tuple[int | str, ...]) -> str:
    """RFC 6901."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")
