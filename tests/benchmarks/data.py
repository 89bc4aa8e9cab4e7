"""Registering a folder of small files: time, and memory that does not grow with their number."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from tests.benchmarks.figures import Figure, Plan

COUNTS = (2_000, 20_000)
PX, CLASSES = 32, 10
SAMPLE_SECONDS = 0.05
ADD = [sys.executable, "-m", "service.cli", "datasets", "add", "many", "--json"]


def figures(plan: Plan) -> Iterator[Figure]:
    """Of a few files and of ten times as many, one after the other."""
    with tempfile.TemporaryDirectory() as place:
        taken = {count: _registered(Path(place), count) for count in COUNTS}
    few, many = (taken[count] for count in COUNTS)
    versus = f"{COUNTS[0]:,} files"
    name = f"peak memory of all processes, {COUNTS[1]:,} files of {PX} px registered"
    yield Figure(name, "MiB", [many[1]], versus, [few[1]], "flat")
    yield Figure(f"seconds for 1,000 of {COUNTS[1]:,} files", "s", [many[0]], versus, [few[0]])


def _registered(place: Path, count: int) -> tuple[float, float]:
    """Seconds for 1,000 files, and the highest sum of resident memory in MiB (what is shared counts each time)."""
    source = place / f"source-{count}"
    values = np.random.default_rng(0)
    for number in range(count):
        path = source / str(number % CLASSES) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values.integers(0, 256, (PX, PX, 3), dtype=np.uint8)).save(path)
    start = time.perf_counter()
    process = psutil.Popen(
        [*ADD, str(source), "--data-dir", str(place / f"data-{count}")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, _resident(process))
        time.sleep(SAMPLE_SECONDS)
    assert process.returncode == 0
    return (time.perf_counter() - start) * 1000 / count, peak / 2**20


def _resident(process: psutil.Popen) -> int:
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # it has just ended
    return total
