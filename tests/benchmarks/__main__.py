"""`python -m tests.benchmarks [NAME …]`: run all, or those named, and rewrite BENCHMARKS.md when all were run."""

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import compound, data, planning, shapes, startup, torch_weights
from tests.benchmarks.figures import Figure, spread
from tests.benchmarks.page import page

MODULES = {
    "planning": planning,
    "startup": startup,
    "data": data,
    "shapes": shapes,
    "compound": compound,
    "torch_weights": torch_weights,
}
PAGE = Path(__file__).resolve().parents[2] / "BENCHMARKS.md"


def measured(names: list[str]) -> Iterator[Figure]:
    """Each figure as it is taken, told on the way."""
    for name in names:
        for figure in MODULES[name].figures():
            ratio = f", {spread(figure.ratios)} x" if figure.ratios else ""
            print(f"{figure.name}: {spread(figure.ours)} {figure.unit}{ratio}", flush=True)
            yield figure


def main(names: list[str]) -> int:
    """0 when all were taken, 2 for a name there is none of."""
    if unknown := sorted(set(names) - set(MODULES)):
        print(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(MODULES)}", file=sys.stderr)
        return 2
    figures = list(measured(names or list(MODULES)))
    if not names:
        PAGE.write_text(page(figures), encoding="utf-8")
        print(f"written to {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
