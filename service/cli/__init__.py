"""The `effscale` command. Whatever is heavy is imported inside the commands, so that `--help` answers at once."""

import json
import os
import sys
from typing import Any

from service.cli.app import app
from service.cli.presentation.failure import DONE, INTERRUPTED, USAGE_ERROR, Failure, bad_usage, explain
from service.cli.presentation.screen import prose


def main() -> None:
    """Run one command; a failure is one clear message on standard error and an exit status, never a traceback."""
    try:
        status = app(prog_name="effscale", standalone_mode=False)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe has seen enough; nothing more can be written, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except USAGE_ERROR as error:
        sys.exit(_misused(error))
    except Exception as error:
        if os.environ.get("EFFSCALE_DEBUG") == "1":
            raise
        sys.exit(_failed(explain(error)))
    sys.exit(status if isinstance(status, int) else DONE)


def _misused(error: Any) -> int:
    """Options that do not fit: for a person with the usage of the command, as click writes it."""
    if "--json" in sys.argv:
        return _failed(bad_usage(error))
    error.show()
    return int(error.exit_code)


def _failed(failure: Failure) -> int:
    """Tell it once. With --json it is the last line of standard error: standard output is for results alone."""
    if "--json" in sys.argv:
        print(json.dumps(failure.problem(), ensure_ascii=False, allow_nan=False), file=sys.stderr)
    else:
        interrupted = failure.exit_status == INTERRUPTED  # its message holds commands to copy: they are not wrapped
        print(failure.message(), file=sys.stderr) if interrupted else prose(failure.message(), sys.stderr)
    return failure.exit_status
