"""From an exception to an exit status, the text a person reads, and the problem document a program reads."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer

DONE = 0
FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as a shell would say
USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]  # of click, which typer carries inside or imports

Details = Sequence[tuple[str, str]]  # JSON pointers and messages


class UsageFailure(Exception):
    """The command or its input makes no sense: exit status 2. `errors` are (JSON pointer, message) of a document."""

    def __init__(self, message: str, errors: Details = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class JobFailed(Exception):
    """The command did what it could and the job failed: exit status 1."""


class Interrupted(Exception):
    """Ctrl-C, where there is something to say about it: exit status 130."""


@dataclass(frozen=True)
class Failure:
    """How a command ends that fails. `code` is the machine word of the problem, `status` the one HTTP has for it."""

    exit_status: int
    text: str
    status: int = 500
    code: str = "failed"
    title: str = "Failed"
    errors: Details = ()
    answer: Mapping[str, Any] | None = field(default=None, repr=False)  # the server's own problem document

    def message(self) -> str:
        """For a person. What is wrong where is said once: below a headline, or in one line."""
        if self.exit_status == INTERRUPTED:
            return self.text
        match [f"{pointer or '/'}: {why}" for pointer, why in self.errors]:
            case []:
                return f"error: {self.text}"
            case [only] if self.errors[0][1] in self.text:
                return f"error: {only}"
            case lines:
                headline = self.title.lower() if self.errors[0][1] in self.text else self.text
                return "\n".join([f"error: {headline.rstrip(':')}:", *(f"  {line}" for line in lines)])

    def problem(self) -> dict[str, Any]:
        """RFC 9457; the server's document as it came."""
        if self.answer is not None:
            return dict(self.answer)
        errors = [{"pointer": pointer, "message": why} for pointer, why in self.errors]
        # `type` is what a server would send, relative to it (service.api.problems)
        return {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.text,
            "errors": errors,
        }


def explain(error: Exception) -> Failure:
    """How a command ends with this error; what nobody foresaw names the way to its traceback."""
    from models.errors import ModelError
    from search.errors import SearchError
    from service.client.errors import ClientError

    text = str(error)
    match error:
        case UsageFailure(errors=()):
            return Failure(BAD_USAGE, text, 400, "bad-usage", "Bad usage")
        case UsageFailure():
            return Failure(BAD_USAGE, text, 422, "invalid-spec", "Invalid search", error.errors)
        case JobFailed():
            return Failure(FAILED, text, 500, "job-failed", "Job failed")
        case Interrupted():
            return Failure(INTERRUPTED, text, 499, "interrupted", "Interrupted")
        case ClientError():
            return _of_client(error)
        case ModelError() | SearchError():
            return _of_calculation(error)
        case _:
            return _unforeseen(error)


def bad_usage(error: Any) -> Failure:
    """Of an option or argument that the command does not take: an error of `USAGE_ERROR`."""
    return Failure(BAD_USAGE, error.format_message(), 400, "bad-usage", "Bad usage")


def _of_client(error: Any) -> Failure:
    from service.client.errors import NotAService, Refused, Unavailable, Unreachable

    kinds: tuple[tuple[type[Exception], int, str, str], ...] = (
        (Unreachable, 503, "unreachable", "Server unreachable"),
        (NotAService, 502, "not-a-service", "Not an effscale server"),
        (Unavailable, 503, "unavailable", "Server unavailable"),
        (Exception, 502, "server-failed", "Server failed"),
    )
    answer = error.problem
    _, status, code, title = next(row for row in kinds if isinstance(error, row[0]))
    if answer is not None:
        title = str(answer.get("title") or title)
    errors = error.errors if isinstance(error, Refused) else ()
    return Failure(error.exit_status, str(error), status, code, title, errors, answer)


def _of_calculation(error: Exception) -> Failure:
    """Errors of models and search are titled as the server would title them. Only some searches may fail rightly."""
    from models.errors import ModelError
    from search.errors import InvalidSpec
    from service.errors import STATUS

    _, status, code, title = next(row for row in STATUS if isinstance(error, row[0]))
    exit_status = BAD_USAGE if isinstance(error, InvalidSpec | ModelError) else FAILED
    errors = ((error.pointer or "", str(error)),) if isinstance(error, InvalidSpec) else ()
    return Failure(exit_status, str(error), status, code, title, errors)


def _unforeseen(error: Exception) -> Failure:
    """Errors of the service's own tree speak for themselves; it is looked at only if it was ever imported."""
    tree = sys.modules.get("service.errors")
    if tree is not None and isinstance(error, tree.ServiceError):
        return Failure(FAILED, str(error))
    lines = str(error).strip().splitlines()
    headline = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return Failure(FAILED, f"{headline} (run again with EFFSCALE_DEBUG=1 for the traceback)", code="unforeseen")
