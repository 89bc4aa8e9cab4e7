"""Options that several commands share, the settings they stand for, and the connection they lead to."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.presentation.failure import UsageFailure

if TYPE_CHECKING:
    from service.client.client import Client
    from service.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Wide = Annotated[bool, typer.Option("--wide", help="All columns of a table, however narrow the terminal is.")]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="The service to talk to [EFFSCALE_SERVER; http://127.0.0.1:8000].",
        show_default=False,
    ),
]
Identity = Annotated[str, typer.Argument(metavar="ID", help="Id of a search.", show_default=False)]
DataDir = Annotated[
    str | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Database, checkpoints, exports [EFFSCALE_DATA_DIR; ./effscale-data].",
        show_default=False,
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="postgresql://… instead of a SQLite file in the data directory.",
        show_default=False,
    ),
]


def settings(**chosen: Any) -> "Settings":
    """The settings of the environment, with the options that were given (not None) over them."""
    from pydantic import ValidationError

    from service.settings import Settings

    try:
        return Settings(**{name: value for name, value in chosen.items() if value is not None})
    except ValidationError as error:
        lines = [
            f"EFFSCALE_{str(part['loc'][0]).upper()}: {part['msg'].removeprefix('Value error, ')}"
            for part in error.errors()
        ]
        raise UsageFailure("a setting makes no sense: " + "; ".join(lines)) from None


def connect(server: str | None) -> "Client":
    """A client of the service that the option, or the environment, names."""
    from service.client.client import Client
    from service.client.connection import Connection

    chosen = settings(server=server)
    key = None if chosen.api_key is None else chosen.api_key.get_secret_value()
    return Client(Connection(chosen.server, key))
