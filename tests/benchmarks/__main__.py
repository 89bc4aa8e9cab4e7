"""`python -m tests.benchmarks [NAME …]`: run all, or those named, and rewrite their sections of BENCHMARKS.md."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import (
    compound,
    data,
    epoch,
    first_step,
    loop,
    ops,
    planning,
    responses,
    rungs,
    sampler_defaults,
    search_table,
    searching,
    shapes,
    startup,
    torch_weights,
    training,
)
from tests.benchmarks.contender import ROOT
from tests.benchmarks.figures import Figure, Plan, Skipped, spread
from tests.benchmarks.page import page, section
from tests.benchmarks.plot import bars

MODULES = {
    "planning": planning,
    "responses": responses,
    "startup": startup,
    "data": data,
    "ops": ops,
    "training": training,
    "epoch": epoch,
    "loop": loop,
    "first_step": first_step,
    "searching": searching,
    "rungs": rungs,
    "table": search_table,
    "sampler_defaults": sampler_defaults,
    "shapes": shapes,
    "compound": compound,
    "torch_weights": torch_weights,
}
GROUPS = {"engine": ("ops", "training", "epoch", "loop", "first_step", "searching")}
PAGE = ROOT / "BENCHMARKS.md"
PLOTS = Path("tests/benchmarks/plots")


def measured(name: str, plan: Plan) -> list[Figure | Skipped]:
    """The figures of a module, each told when it is taken."""
    taken = []
    for figure in MODULES[name].figures(plan):
        taken.append(figure)
        if isinstance(figure, Skipped):
            print(f"{figure.name}: not measured: {figure.reason}", flush=True)
        else:
            ratio = f", {spread(figure.ratios)} x of {figure.versus}" if figure.ratios else ""
            print(f"{figure.name}: {spread(figure.ours)} {figure.unit}{ratio}", flush=True)
    return taken


def written(name: str, taken: Sequence[Figure | Skipped]) -> str:
    """The section of a module; its plot is written beside."""
    drawn = [figure for figure in taken if isinstance(figure, Figure) and figure.point and figure.ratios]
    plot = PLOTS / f"{name}.svg" if drawn else None
    if plot is not None:
        (ROOT / plot).parent.mkdir(exist_ok=True)
        (ROOT / plot).write_text(bars(drawn), encoding="utf-8")
    return section(name, (MODULES[name].__doc__ or "").strip(), taken, plot)


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """What to run, and how much of it."""
    plan, names = Plan(), f"{', '.join(MODULES)}; or {', '.join(GROUPS)}"
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {names}; none: all")
    parser.add_argument(
        "--rounds", type=int, default=plan.rounds, help="of `training`, `epoch`, `loop`, `first_step` [%(default)s]"
    )
    parser.add_argument("--searches", type=int, default=plan.searches, help="rounds of whole searches [%(default)s]")
    parser.add_argument("--trials", type=int, default=plan.trials, help="networks of a search [%(default)s]")
    parser.add_argument("--px", type=int, nargs="+", default=plan.px, help="resolutions of `training` [%(default)s]")
    parser.add_argument("--no-page", action="store_true", help="print alone, leave BENCHMARKS.md as it is")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - MODULES.keys() - GROUPS.keys()):
        parser.error(f"there is no benchmark {unknown[0]!r}; there are: {names}")
    return chosen


def main(arguments: Sequence[str]) -> int:
    """0 when all were taken; argparse ends with 2 for a name there is none of."""
    chosen = options(arguments)
    plan = Plan(chosen.rounds, chosen.searches, chosen.trials, tuple(chosen.px))
    for name in (part for given in chosen.names or MODULES for part in GROUPS.get(given, (given,))):
        taken = measured(name, plan)
        if not chosen.no_page:
            before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
            PAGE.write_text(page(before, {name: written(name, taken)}, list(MODULES)), encoding="utf-8")
            print(f"{name} is written to {PAGE.name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
