"""The same search from nothing to its result: the service with an empty cache, and two scripts with Optuna.

24 networks of twice efficientnet-nano's multiply-adds on the digits, at most 8 epochs each, successive halving from
epoch 2 by thirds, TPE, one seed, no finals, the default recipe without dropout and stochastic depth, evaluated by
the published rule. A script tells
the sampler of what has another cost, by Optuna's constraints, does not train it, and asks again; ours proposes nothing
else. Ours trains 24 different networks; a script trains a network again when it comes up again. Ours has a worker for
each of two cores, as `effscale up --workers 2` starts them; scripts use both cores for one training. Time runs from the
start of the process to the result in hand, and for ours holds the start of service, workers and trainers. A script that
has taken `ENOUGH` times as long as ours is stopped: the ratio is then a lower bound.

Where ours goes on the machine below: 8 s to start; 24 programs, 1.5 s of CPU time each; 84 epochs, 0.9 s of CPU time
each; 113 s on two cores are 56. Tried for less: one worker (83 to 90 s), a core pinned to each worker (69 s), LLVM's
lowest optimization level (a program 0.7 s cheaper, an epoch 0.4 s dearer), without its expensive passes (no change).
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from models.data.loading import load
from models.scaling.baselines import get_baseline
from search.spec.spec import SearchSpec
from service.cli.commands.demo import free_port
from tests.benchmarks.contender import ROOT, Missing, environment, interpreter
from tests.benchmarks.figures import Figure, Plan, Skipped
from tests.benchmarks.problem import TOLD

SCRIPTS = {"Flax": ("search_flax", ("flax", "optuna")), "PyTorch": ("search_torch", ("torch", "optuna"))}
GOALS = {"Flax": 5.0, "PyTorch": 2.0}
ENOUGH = 6.0  # above both goals; plain Flax needs half an hour of two cores to its end
WORKERS = 2  # 71 s against 90 s with one: a second core makes a training of so small a network 1.4 times as quick
POLL_SECONDS = 0.1
DEADLINE_SECONDS = 3600.0
ENDS = ("succeeded", "failed", "cancelled")


def figures(plan: Plan) -> Iterator[Figure | Skipped]:
    """One figure a script."""
    name = f"a search of {plan.trials} networks, from nothing to its result"
    pythons = {}
    for script, (_, needs) in SCRIPTS.items():
        try:
            pythons[script] = interpreter(*needs)
        except Missing as missing:
            yield Skipped(f"{name}, a script with Optuna and {script}", str(missing))
    taken: dict[str, list[dict[str, Any]]] = {"ours": [], **{script: [] for script in pythons}}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(plan.searches):
            place = Path(folder) / str(number)
            place.mkdir()
            taken["ours"].append(service(spec(plan.trials), place))
            for script, python in pythons.items():
                limit = ENOUGH * taken["ours"][-1]["seconds"]
                taken[script].append(scripted(SCRIPTS[script][0], python, spec(plan.trials), place, limit))
    ours = taken.pop("ours")
    for script, theirs in taken.items():
        yield Figure(
            name,
            "s",
            [run["seconds"] for run in ours],
            f"a script with Optuna and {script}",
            [run["seconds"] for run in theirs],
            least=GOALS[script],
            note=f"ours: {told(ours[-1])}; the script: {told(theirs[-1])}; {plan.searches} round(s)",
        )


def spec(trials: int) -> SearchSpec:
    """The search."""
    return SearchSpec.model_validate(
        {
            "dataset": "digits",
            "baseline": "efficientnet-nano",
            "target": {"metric": "macs", "ratio": 2.0, "tolerance": 0.05},
            "pruner": {"name": "asha", "min_epochs": 2, "reduction_factor": 3},
            "trials": trials,
            "parallelism": WORKERS,
            "finalists": {"count": 0},
            "recipe": {"epochs": 8, "dropout": 0.0, "drop_path": 0.0, "bn_statistics": "published"},  # what scripts do
        }
    )


def told(run: dict[str, Any]) -> str:
    """What was done for it."""
    if "trials" not in run:
        return "stopped before its end"
    asked = f" (of {run['asked']} asked for)" if "asked" in run else ""
    done = f"{run['trials']} trainings of {run['networks']} networks{asked}, {run['epochs']} epochs"
    return f"{done}, best accuracy {run['best']:.3f}"


def service(wanted: SearchSpec, place: Path) -> dict[str, Any]:
    """By a service of its own in that directory: `effscale up` with its workers and an empty cache of programs."""
    port = free_port()
    settings = {"DATA_DIR": place / "data", "COMPILE_CACHE_DIR": place / "cache", "LOG_LEVEL": "warning"}
    variables = {**environment(), **{f"EFFSCALE_{name}": str(value) for name, value in settings.items()}}
    command = [sys.executable, "-m", "service.cli", "up", "--port", str(port), "--workers", str(WORKERS)]
    start = time.perf_counter()
    with (place / "service.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0) as client:
            _until(process, lambda: _is_ready(client))
            body = wanted.document()
            address = client.post("/v1/searches", json=body).raise_for_status().headers["Location"]
            _until(process, lambda: client.get(address).json()["state"] in ENDS)
            best = client.get(f"{address}/leaderboard").json()["items"][0]
            seconds = time.perf_counter() - start
            trials = client.get(f"{address}/trials", params={"limit": 500}).json()["items"]
    finally:
        process.terminate()
        process.wait(60)
    networks = {trial["architecture"]["key"] for trial in trials}
    epochs = sum(trial["epochs"] for trial in trials)
    done = {"trials": len(trials), "networks": len(networks), "epochs": epochs, "best": best["accuracy"]}
    return {"seconds": seconds, "device_seconds": sum(trial["device_seconds"] for trial in trials), **done}


def scripted(module: str, python: str, wanted: SearchSpec, place: Path, limit: float | None = None) -> dict[str, Any]:
    """By a script, which is given images and settings as files, and at most `limit` seconds."""
    data, settings = place / "data.npz", place / "settings.json"
    whole = load("digits")
    parts = {"": whole.train, "validation_": whole.validation}
    arrays = {
        **{f"{part}images": (split.images - whole.mean) / whole.deviation for part, split in parts.items()},
        **{f"{part}labels": split.labels for part, split in parts.items()},
    }
    np.savez(data, **arrays)
    settings.write_text(json.dumps({"data": str(data), **_settings(wanted)}), encoding="utf-8")
    start = time.perf_counter()
    command = [python, "-m", f"tests.benchmarks.rivals.{module}", str(settings)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return {"seconds": time.perf_counter() - start}
    return {"seconds": time.perf_counter() - start, **json.loads(done.stdout.splitlines()[-1])}


def _settings(wanted: SearchSpec) -> dict[str, Any]:
    """A spec as plain data. PyTorch's script pads as PyTorch does, the other one as TensorFlow: costs are equal."""
    nano, recipe = get_baseline("efficientnet-nano"), wanted.recipe
    rows = [(s.repeats, s.kernel, s.stride, s.expansion, s.width) for s in nano.stages]
    return {
        "table": {"stem": nano.stem, "rows": rows, "head": nano.head, "resolution": nano.resolution, "classes": 10},
        "form": {"padding": "same", "epsilon": nano.norm_epsilon, "kept": recipe.bn_momentum},
        "space": {name: getattr(wanted.space, name)[1] for name in ("alpha", "beta", "gamma")},
        "ratio": wanted.ratio,
        "tolerance": wanted.target.tolerance,
        "min_epochs": wanted.pruner.min_epochs,
        "reduction_factor": wanted.pruner.reduction_factor,
        "trials": wanted.trials,
        "seed": wanted.seed,
        "batch_size": recipe.batch_size,
        "recipe": {name: getattr(recipe, name) for name in TOLD},
    }


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").json().get("status") == "ready"
    except httpx.TransportError:
        return False


def _until(process: "subprocess.Popen[bytes]", done: Any) -> None:
    """Look until it is so; a service that ended, or an hour, is an error."""
    until = time.monotonic() + DEADLINE_SECONDS
    while not done():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the service did not finish the search (exit status {process.returncode})")
        time.sleep(POLL_SECONDS)
