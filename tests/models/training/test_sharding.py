"""One training over several devices: the numbers of one, from a program that really divides the batch.

A process has its devices from the start on, so that those with four simulated ones are processes of their own.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import jax
import pytest
from jax.sharding import SingleDeviceSharding

from models.errors import InvalidDevices
from models.recipe.recipe import TrainingRecipe
from models.training.fit import Training
from models.training.program_shape import Method, method
from models.training.programs import _compiled
from tests.models.small import SMALL, digits

# Everything whose sums or neighbours cross the parts of a batch: BatchNorm, mixup, clipping, recalibration
RECIPE = TrainingRecipe(epochs=2, batch_size=32, mixup=0.2, flip=True, clip_norm=1.0, recalibration_batches=2)
LOSS = 1e-5  # relative: float32 sums in another order differ by some 1e-7, and 12 steps amplify that a little
TRAIN, VALIDATION, TEST = (1 / images + 1e-9 for images in (192, 64, 50))  # one image: rounding may tip a logit over
FOUR = "--xla_force_host_platform_device_count=4"

SETUP = """
import json
from inspect import getclosurevars
from pathlib import Path
from models.training.fit import Training
from models.native import library
from tests.models.small import SMALL, digits
from tests.models.training.test_sharding import RECIPE

def reports(training):
    return [[r.train_loss, r.validation_loss, r.train_accuracy, r.validation_accuracy] for r in training]

def training(devices, **options):
    return Training(SMALL, RECIPE, data, seed=3, devices=devices, **options)

def hlo(training):
    return getclosurevars(training._program()).nonlocals["found"].compiled.as_text()

data = digits(validation=64)
"""
STREAMED_WITH_KERNELS = SETUP + "print(json.dumps(reports(training(4, resident=0))))"
XLA = (
    SETUP
    + """
library.beside_environment = lambda: Path("/nonexistent")
one, four = training(1), training(4)
half = training(4)
next(iter(half))
resumed, beside = training(1), training(4)
resumed.restore(half.checkpoint())
beside.restore(half.checkpoint())
print(json.dumps({
    "one": reports(one), "four": reports(four),
    "resumed": reports(resumed), "beside": reports(beside),
    "test": [t.accuracy("test") for t in (one, four)],
    "states": [len(t.state.values.sharding.device_set) for t in (one, four)],
    "hlo": {"one": hlo(one), "four": hlo(four)},
}))
"""
)


def with_four_devices(code: str, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "XLA_FLAGS": FOUR, "JAX_PLATFORMS": "cpu", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process with four devices found: the epochs of each training, and the compiled programs.

    It finds no compiler for the CPU kernels. They take whole batches; XLA's own code is what accelerators run.
    """
    nothing = str(tmp_path_factory.mktemp("nothing"))
    answer: dict[str, Any] = with_four_devices(XLA, PATH=nothing, XDG_CACHE_HOME=nothing)
    return answer


def assert_alike(ours: list[list[float]], theirs: list[list[float]]) -> None:
    assert len(ours) == len(theirs) > 0
    for mine, other in zip(ours, theirs, strict=True):
        assert mine[:2] == pytest.approx(other[:2], rel=LOSS)
        assert mine[2] == pytest.approx(other[2], abs=TRAIN)
        assert mine[3] == pytest.approx(other[3], abs=VALIDATION)


def test_four_devices_train_as_one(found: dict[str, Any]) -> None:
    assert found["states"] == [1, 4]
    assert_alike(found["four"], found["one"])
    one, four = found["test"]
    assert four == pytest.approx(one, abs=TEST)


def test_streamed_images_and_the_cpu_kernels_give_the_same_numbers(found: dict[str, Any]) -> None:
    assert_alike(with_four_devices(STREAMED_WITH_KERNELS), found["one"])


def test_a_checkpoint_of_four_devices_goes_on_on_one(found: dict[str, Any]) -> None:
    assert_alike(found["resumed"], found["four"][1:])
    assert found["beside"] == found["four"][1:]  # as many devices: to the bit


def test_the_program_divides_the_batch_and_adds_up_over_the_devices(found: dict[str, Any]) -> None:
    one, four = found["hlo"]["one"], found["hlo"]["four"]
    assert "all-reduce" in four
    assert "all-reduce" not in one
    for shape in ("f32[{},16,16,3]", "f32[{},8,8,8]"):  # mixed images, and what comes out of the stem
        assert shape.format(8) in four
        assert shape.format(32) in one
    assert re.search(r"f32\[32,\d+,\d+,\d+\]", four) is None  # no map of a whole batch anywhere


def test_for_one_device_nothing_is_said_of_devices() -> None:
    how = method(SMALL, RECIPE, digits())
    assert how.devices == 1
    program = _compiled(SMALL, how, (8, 8, 1))[0].compiled
    assert "sharding={" not in program.as_text()
    assert {type(where) for where in jax.tree.leaves(program.input_shardings)} == {SingleDeviceSharding}


@pytest.mark.parametrize("devices", [0, -1])
def test_fewer_than_one_device_is_an_error(devices: int) -> None:
    with pytest.raises(InvalidDevices, match=f"from 1 to .*, not {devices}"):
        Training(SMALL, RECIPE, digits(), seed=3, devices=devices)


def test_more_devices_than_there_are_is_an_error_that_names_how_many_there_are() -> None:
    with pytest.raises(InvalidDevices, match=r"this process has [0-9]+ devices?: .*, not 4096"):
        Training(SMALL, RECIPE, digits(), seed=3, devices=4096)


def test_a_batch_without_equal_parts_is_an_error_that_names_what_is_allowed() -> None:
    odd = RECIPE.model_copy(update={"batch_size": 30})
    with pytest.raises(InvalidDevices, match=r"30 images has no 4 equal parts.* multiple of 4, or 1, 2, 3 of"):
        method(SMALL, odd, digits(), devices=4)
    # A batch holds at most the train split: that is what is divided
    with pytest.raises(InvalidDevices, match="30 images"):
        method(SMALL, RECIPE, digits(train=30), devices=4)


def test_a_program_is_kept_by_its_devices() -> None:
    how: Method = method(SMALL, RECIPE, digits())
    assert replace(how, devices=2) != how
