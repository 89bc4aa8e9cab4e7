"""From an exception to an exit status and the text a person reads."""

import sys
from collections.abc import Sequence

FAILED = 1
BAD_USAGE = 2


class UsageFailure(Exception):
    """The command or its input makes no sense: exit status 2."""


class JobFailed(Exception):
    """The command did what it could and the job failed: exit status 1."""


def explain(error: Exception) -> tuple[int, str]:
    """Exit status and message of a failure; what nobody foresaw names the way to its traceback."""
    from models.errors import ModelError
    from search.errors import InvalidSpec, SearchError
    from service.client.errors import ClientError, Refused

    text = str(error)
    match error:
        case UsageFailure():
            return BAD_USAGE, text
        case JobFailed():
            return FAILED, text
        case ClientError():
            details = error.errors if isinstance(error, Refused) else ()
            return error.exit_status, _with_pointers(text, details)
        case InvalidSpec():
            return BAD_USAGE, f"{error.pointer or '/'}: {text}"
        case ModelError():
            return BAD_USAGE, text
        case SearchError():
            return FAILED, text
        case _:
            return _unforeseen(error)


def _with_pointers(text: str, details: Sequence[tuple[str, str]]) -> str:
    """The server's message and below it what is wrong where; a single detail that says the same is not repeated."""
    if [why for _, why in details] == [text]:
        return f"{details[0][0] or '/'}: {text}"
    return "\n".join([text, *(f"  {pointer or '/'}: {why}" for pointer, why in details)])


def _unforeseen(error: Exception) -> tuple[int, str]:
    """Errors of the service's own tree speak for themselves; it is looked at only if it was ever imported."""
    tree = sys.modules.get("service.errors")
    if tree is not None and isinstance(error, tree.ServiceError):
        return FAILED, str(error)
    lines = str(error).strip().splitlines()
    headline = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return FAILED, f"{headline} (run again with EFFSCALE_DEBUG=1 for the traceback)"
