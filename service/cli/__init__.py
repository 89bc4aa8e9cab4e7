"""The `effscale` command. Whatever is heavy is imported inside the commands, so that `--help` answers at once."""

import os
import sys

from service.cli.app import app
from service.cli.presentation.failure import explain

INTERRUPTED = 130  # 128 + SIGINT, as a shell would say


def main() -> None:
    """Run one command; a failure is one clear line on standard error and an exit status, never a traceback."""
    try:
        app(prog_name="effscale")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe has seen enough; nothing more can be written, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("EFFSCALE_DEBUG") == "1":
            raise
        status, text = explain(error)
        print(f"error: {text}", file=sys.stderr)
        sys.exit(status)
