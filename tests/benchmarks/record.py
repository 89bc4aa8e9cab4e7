"""`python -m tests.benchmarks.record`: train every network of a small catalogue with several seeds, and write it down.

What stands in the file already is not trained again, so it may be killed and started again at any time. One seed after
the other goes through the whole catalogue: whenever it ends, the seeds that are complete are a table.
"""

import argparse
import csv
import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from models.data.dataset import Dataset, Split
from models.data.loading import load
from models.training.fit import Training
from search.space import catalogue
from search.space.catalogue import Candidate
from search.spec.spec import SearchSpec
from service.trainer.trainer import use_compile_cache
from tests.benchmarks.table import COLUMNS, SHAPES, Table, read

# Blocks of efficientnet-nano, fewer and narrower, so that a training is a second or two of one core. From 20 px on,
# where the hatching of `shapes` can just be told, to 32 px; widths in steps of 4, so that 74 networks cost within 10 %
# of twice the baseline.
STAGES = [
    {"repeats": repeats, "kernel": 3, "stride": stride, "expansion": 2, "width": width}
    for repeats, stride, width in ((2, 2, 8), (4, 2, 16), (3, 1, 32))
]
SPEC: dict[str, Any] = {
    "dataset": "shapes",
    "baseline": {
        "name": "efficientnet-pico",
        "stem": 8,
        "stages": STAGES,
        "head": 96,
        "resolution": 20,
        "classes": 8,
        "dropout": 0.0,
        "drop_path": 0.0,
        "width_divisor": 4,
    },
    "target": {"metric": "macs", "ratio": 2.0, "tolerance": 0.1},
    "space": {"alpha": [1.0, 2.0], "beta": [1.0, 1.5], "gamma": [1.0, 1.6], "resolution_multiple": 2},
    "recipe": {"epochs": 9, "batch_size": 32, "bn_statistics": "published"},  # the default when it was recorded
}
# The first ones of each split; nobody looks at the test split. Validation is larger than such a training would have:
# with 512 images the binomial noise of one accuracy, 2.2 points at 60 %, would be most of the spread between seeds.
IMAGES = (768, 1024, 32)
SEEDS = 5


def main(arguments: Sequence[str]) -> int:
    """0 when everything asked for is in the file, 1 when the time went by before."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.record", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of each network [%(default)s]")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no training after this [%(default)g]")
    parser.add_argument("--file", type=Path, default=SHAPES, help="where to write")
    chosen = parser.parse_args(arguments)
    until = time.monotonic() + 60 * chosen.minutes
    spec = SearchSpec.model_validate(SPEC)
    if not chosen.file.exists():
        chosen.file.write_text(_head(spec), encoding="utf-8")
    known = read(chosen.file)
    if known.spec != spec or known.head["images"] != list(IMAGES):
        parser.error(f"{chosen.file.name} is of another problem than this program's: move it away")
    done = {(training.seed, training.identity) for training in known.trainings}
    with tempfile.TemporaryDirectory() as cache, chosen.file.open("a", encoding="utf-8") as file:
        use_compile_cache(Path(cache))
        dataset = small(load(spec.dataset), IMAGES)
        for seed in range(chosen.seeds):
            for candidate in known.networks:
                if (seed, candidate.identity) in done:
                    continue
                if time.monotonic() > until:
                    return 1
                _write(file, candidate, seed, _trained(spec, candidate, seed, dataset))
    return 0


def small(dataset: Dataset, images: Sequence[int]) -> Dataset:
    """The first images of each split. Hatching and count alone are to be told, 4 of the 8 classes.

    So few images do not teach the arrangement to networks so small, and all 8 classes stay near to chance.
    """
    first = (
        Split(split.images[:n], (split.labels[:n] // 4 * 2 + split.labels[:n] % 2).astype(np.int32))
        for split, n in zip(dataset.splits, images, strict=True)
    )
    return Dataset(dataset.name, dataset.classes, *first)


def _trained(spec: SearchSpec, candidate: Candidate, seed: int, dataset: Dataset) -> list[object]:
    """The columns behind the network and the seed."""
    training = Training(catalogue.architecture(spec, candidate), spec.recipe, dataset, seed=seed)
    reports = list(training)
    correct = " ".join(str(round(report.validation_accuracy * len(dataset.validation))) for report in reports)
    seconds = sum(report.seconds for report in reports)
    compiled = sum(report.compile_seconds for report in reports)
    return [correct, round(reports[-1].train_accuracy, 4), round(seconds, 2), round(compiled, 2)]


def _write(file: TextIO, candidate: Candidate, seed: int, columns: Sequence[object]) -> None:
    """One line, at once on disk."""
    depths, widths = (" ".join(map(str, part)) for part in (candidate.depths, candidate.widths))
    csv.writer(file, lineterminator="\n").writerow([depths, widths, candidate.resolution, seed, *columns])
    file.flush()
    print(f"seed {seed}: {depths} | {widths} | {candidate.resolution} px: {columns}", flush=True)


def _head(spec: SearchSpec) -> str:
    libraries = {name: version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")}
    machine = {"machine": platform.machine(), "system": platform.system(), "python": platform.python_version()}
    head = {
        "spec": SPEC,
        "images": IMAGES,
        "told": "hatching and count",
        "networks": len(Table({"spec": SPEC}, ()).networks),
        "feasible": len(catalogue.of(spec).feasible),
        **machine,
        **libraries,
    }
    return (
        "# Every feasible network of a spec, and every other one that coefficients give whose product meets its "
        "target, trained\n# with each seed: validation images it told after each epoch.\n"
        "# Made by `nice -n 19 python -m tests.benchmarks.record` on a busy machine of two cores: read seconds so.\n"
        f"# {json.dumps(head)}\n{','.join(COLUMNS)}\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
