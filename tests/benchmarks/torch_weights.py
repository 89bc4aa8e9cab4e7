"""Weights in PyTorch's layouts: the same file, the same images, PyTorch's logits against ours.

PyTorch is the `bench` extra and no part of the locked environment. It is looked for here first, then in the interpreter
that TORCH_PYTHON names (`TORCH_PYTHON=elsewhere/bin/python make bench ARGS=torch_weights`), then in build/bench. Where
torchvision and timm are installed beside it, their own networks are run too.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

from models.layers.flat_layout import layout
from models.scaling.architecture import ScaledArchitecture
from models.scaling.baselines import from_table
from models.scaling.coefficients import Multipliers
from models.scaling.presets import get_preset
from models.weights import start_weights
from tests.benchmarks.contender import Missing, interpreter
from tests.benchmarks.figures import Figure, Plan, Skipped
from tests.benchmarks.torch_reference_cases import CASES

REFERENCE = Path(__file__).with_name("torch_reference.py")
GOAL = 1e-4


def figures(plan: Plan) -> Iterator[Figure | Skipped]:
    """One figure a case: the largest difference of a logit."""
    try:
        python = interpreter("torch", "safetensors")
    except Missing as missing:
        yield Skipped("weights in PyTorch's layouts", str(missing))
        return
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            if _write(python, case, Path(folder)):
                difference, noise, largest = compared(Path(folder), case)
                name = f"{case['name']}: largest difference of a logit from PyTorch's (logits up to {largest:.1f})"
                yield Figure(name, "", [difference], "PyTorch's own float32 from its float64", [noise], most=GOAL)


def compared(folder: Path, case: Mapping[str, Any]) -> tuple[float, float, float]:
    """The largest difference between logits of PyTorch's and of ours, between PyTorch's two, and the largest logit."""
    both = load_file(folder / f"{case['name']}.io.safetensors")
    architecture = ours(case)
    start = start_weights.load(folder / f"{case['name']}.safetensors", architecture, layout=case["layout"])
    found = logits(architecture, start.arrays, both["images"])
    logits_there = both["logits"]
    return tuple(float(np.abs(x).max()) for x in (found - logits_there, both["exact"] - logits_there, logits_there))


def ours(case: Mapping[str, Any]) -> ScaledArchitecture:
    """The network of a case: a table, a preset of it if one is named, its own resolution and classes."""
    baseline = from_table(case["ours"])
    if "preset" in case:
        built = get_preset(str(case["ours"]["extends"]), case["preset"]).network(baseline, case["classes"])
        return replace(built, resolution=case["resolution"])
    return replace(baseline.scale(Multipliers(1, 1, 1), classes=case["classes"]), resolution=case["resolution"])


def logits(architecture: ScaledArchitecture, arrays: Mapping[str, Any], images: Any) -> Any:
    """What the network answers to images (batch, 3, height, width), which is PyTorch's order."""
    places = layout(architecture)
    weights = [jnp.asarray(arrays[leaf.name]) for leaf in places.weights]
    statistics = [jnp.asarray(arrays[leaf.name]) for leaf in places.statistics]
    evaluate = jax.jit(lambda w, s, x: places.network(w, s)(x))
    turned = jnp.asarray(np.asarray(images, np.float32).transpose(0, 2, 3, 1))
    return np.asarray(evaluate(weights, statistics, turned))


def _write(python: str, case: Mapping[str, Any], folder: Path) -> bool:
    """Have PyTorch write a case; whether it could. A library that is missing is told, and no fault."""
    cases = folder / "cases.json"
    cases.write_text(json.dumps([case]), encoding="utf-8")
    done = subprocess.run([python, REFERENCE, folder, cases], stdout=subprocess.PIPE, text=True, check=True)
    return case["name"] in done.stdout.splitlines()
