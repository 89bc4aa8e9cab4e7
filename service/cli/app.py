"""All commands under one name. Nothing heavy is imported here."""

from collections.abc import Callable
from typing import Annotated

import typer

from service.cli.commands import baselines, config, datasets, keys, weights
from service.cli.commands.config import version
from service.cli.commands.demo import demo
from service.cli.commands.doctor import doctor
from service.cli.commands.plan import plan
from service.cli.commands.scale import family, scale
from service.cli.commands.searches import cancel, delete, export, leaderboard, list_, pause, resume, show, submit
from service.cli.commands.serve import api, migrate, up, worker
from service.cli.commands.train import train
from service.cli.commands.watching import watch

# Plain help: rich's takes 0.2 s longer, every time.
app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # groups and commands take them over
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from service.version import VERSION

        print(f"effscale {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """EfficientNet scaling search: how much deeper, wider, and with how much larger images."""


COMMANDS: tuple[Callable[..., None], ...] = (
    *(demo, up, api, worker, migrate),
    *(scale, family, plan, train),
    *(submit, list_, show, watch, leaderboard, pause, resume, cancel, delete, export),
)
for command in COMMANDS:
    app.command(command.__name__.rstrip("_"))(command)
app.add_typer(baselines.app, name="baselines")
app.add_typer(datasets.app, name="datasets")
app.add_typer(weights.app, name="weights")
app.add_typer(keys.app, name="keys")
app.command()(doctor)
app.add_typer(config.app, name="config")
app.command()(version)
