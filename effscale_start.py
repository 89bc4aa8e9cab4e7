"""Starts the `effscale` command, or one of our modules as a process, with the packages of this installation.

`models`, `search` and `service` are names that others use, too: a folder of one's own on `PYTHONPATH` must not stand in
for ours. So this module, whose name is only ours, says where they are before anything of them is imported. All other
names are found as ever: what `PYTHONPATH` adds or replaces stays in force.

The console script calls `main`. A child process is `python -P effscale_start.py MODULE ARGUMENT…`, see
`models.child_process`. Standard library only.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

HOME = str(Path(__file__).resolve().parent)
OURS = ("models", "search", "service")


class OurPackages:
    """An import finder that answers for our packages alone: they are beside this file."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Where a package of ours is; their modules are then found inside it."""
        return PathFinder.find_spec(name, [HOME]) if name in OURS else None


def main() -> None:
    """The `effscale` command."""
    claim_names()
    from service.cli import main as command

    command()


def run_module() -> None:
    """`python MODULE ARGUMENT…` in the way of `python -m`."""
    import runpy

    claim_names()
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def claim_names() -> None:
    """From now on our packages are imported from this installation."""
    sys.meta_path.insert(0, OurPackages)


if __name__ == "__main__":
    run_module()
