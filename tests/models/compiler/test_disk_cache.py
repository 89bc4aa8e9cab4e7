"""A program seen before is neither traced nor compiled; one that is damaged or of other sources is made anew."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from pathlib import Path
import jax
from models.training import programs
from models.training.fit import Training
from models.recipe.recipe import TrainingRecipe
from service.trainer.trainer import use_compile_cache
from tests.models.small import SMALL, digits

use_compile_cache(Path(sys.argv[1]))
traces = []
ours = programs.run_steps
programs.run_steps = lambda *arguments: (traces.append(1), ours(*arguments))[1]
run = Training(SMALL, TrainingRecipe(epochs=1, optimizer=sys.argv[2]), digits(), seed=0)
(report,) = list(run)
result = {**run.summary(), "loss": report.train_loss, "traces": len(traces)}
print(json.dumps({name: result[name] for name in ("loss", "traces", "programs_compiled", "programs_cached")}))
"""

Train = Callable[..., dict[str, float]]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    def run(optimizer: str = "sgd") -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path), optimizer],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return run


def test_what_was_seen_before_is_neither_traced_nor_compiled(train: Train, tmp_path: Path) -> None:
    first, second = train(), train()
    assert (first["traces"], first["programs_compiled"], first["programs_cached"]) == (1, 1, 0)
    assert (second["traces"], second["programs_compiled"], second["programs_cached"]) == (0, 0, 1)
    assert first["loss"] == second["loss"]

    path = max(
        tmp_path.glob("*.program"), key=lambda path: path.stat().st_size
    )  # the smaller one makes the first state
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    damaged = train()
    assert (damaged["traces"], damaged["programs_cached"], damaged["loss"]) == (1, 0, first["loss"])
    mended = train()
    assert (mended["traces"], mended["programs_cached"], mended["loss"]) == (0, 1, first["loss"])

    assert train("adamw")["traces"] == 1
    assert len(list(tmp_path.glob("*.program"))) == 4
