"""Folders of one's own that are called as our packages are: they break neither the command nor its child processes.

As an installed wheel, and as the checkout; with such folders in the current directory and on `PYTHONPATH`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.cli.commands.demo import free_port
from service.operations.supervisor import answers
from service.version import VERSION
from tests.house.tree import PACKAGES

SECONDS = 120.0  # of one command, on a busy machine
STAGE = {"kernel": 3, "repeats": 1, "expansion": 1, "se_ratio": 0.25}
# A network that compiles in seconds, trained for one epoch
SPEC = {
    "dataset": "digits",
    "baseline": {
        "extends": "efficientnet-nano",
        "stem": 8,
        "head": 16,
        "resolution": 16,
        "stages": [{**STAGE, "stride": 1, "width": 8}, {**STAGE, "stride": 2, "width": 16}],
    },
    "trials": 1,
    "target": {"tolerance": 0.5},
    "finalists": {"count": 0},
    "recipe": {"epochs": 1, "batch_size": 128},
}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of the wheel in an environment of its own; what it needs comes from this one."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    uv = shutil.which("uv")
    python = folder / "bin" / "python"
    installer = [uv, "pip", "install", "--offline", "--python", python] if uv else [python, "-m", "pip", "install"]
    for command in (
        [sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), folder],
        [*installer, "-q", "--no-index", "--no-deps", wheel],
    ):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    packages = next((folder / "lib").glob("python3.*")) / "site-packages"
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    kernels = Path(sys.prefix) / "share" / "effscale"
    if kernels.is_dir():  # to compile them again takes 20 s
        (folder / "share").mkdir()
        (folder / "share" / "effscale").symlink_to(kernels)
    return folder / "bin" / "effscale"


@pytest.fixture(params=["wheel", "checkout"])
def script(request: pytest.FixtureRequest) -> Path:
    """The `effscale` command of either installation."""
    if request.param == "wheel":
        return Path(request.getfixturevalue("installed"))
    return Path(sys.executable).parent / "effscale"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder with packages that nobody may import."""
    folder = tmp_path / "mine"
    for package in PACKAGES:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text(f"raise SystemExit('a foreign {package} was imported')\n")
    return folder


Environment = dict[str, str]


@pytest.fixture
def environment(foreign: Path, tmp_path: Path, compiled: Path) -> Environment:
    """An environment that names the foreign folder first, and nothing of the user's."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EFFSCALE_")}
    return {
        **plain,
        "PYTHONPATH": f"{foreign}{os.pathsep}",  # the empty part is the current directory
        "EFFSCALE_DATA_DIR": str(tmp_path / "data"),
        "EFFSCALE_COMPILE_CACHE_DIR": str(compiled),
    }


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of compiled programs for all."""
    return tmp_path_factory.mktemp("compiled")


Run = Callable[..., str]


@pytest.fixture
def run(script: Path, foreign: Path, environment: Environment) -> Run:
    """Runs a command in the foreign folder; what it printed."""

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [script, *arguments],
            cwd=foreign,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return command


def test_the_foreign_packages_would_break_a_program_that_is_not_careful(
    foreign: Path, environment: Environment
) -> None:
    """So the tests below are of use."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import service.cli"],
        cwd=foreign,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "a foreign service was imported" in done.stderr


def test_the_command_is_ours(run: Run) -> None:
    assert run("--version") == f"effscale {VERSION}\n"
    assert json.loads(run("version", "--json"))["effscale"] == VERSION
    network = json.loads(run("scale", "efficientnet-b0", "--preset", "b0", "--json"))
    assert network["cost"]["params"] == 5_288_548  # efficientnet-b0 of the paper's code


@pytest.mark.slow
def test_the_probe_that_doctor_starts_is_ours(run: Run) -> None:
    found = {check["name"]: check["status"] for check in json.loads(run("doctor", "--json"))["checks"]}
    assert (found["devices"], found["compile cache"]) == ("ok", "ok")


def test_the_decoders_that_a_registration_starts_are_ours(run: Run, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 16, 16, 3), dtype=np.uint8)
    for label, images in zip(("cat", "dog"), pixels, strict=True):
        (tmp_path / "images" / label).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / "images" / label / f"{number}.png")
    found = json.loads(run("datasets", "add", "pets", str(tmp_path / "images"), "--json"))
    assert found["classes"] == 2
    assert sum(found[split] for split in ("train", "validation", "test")) == 10


@pytest.mark.slow
def test_the_parts_that_up_starts_and_their_trainer_are_ours(
    script: Path, run: Run, foreign: Path, environment: Environment, tmp_path: Path
) -> None:
    """API, worker and trainer train a network together."""
    port = free_port()
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    with (tmp_path / "log").open("wb") as log:
        up = subprocess.Popen(
            [script, "up", "--port", str(port), "--workers", "1"],
            cwd=foreign,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + SECONDS
        while not answers("127.0.0.1", port):
            assert up.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.05)  # between two looks; the deadline decides
        server = f"http://127.0.0.1:{port}"
        said = run("submit", str(tmp_path / "spec.json"), "--watch", "--server", server)
        assert "completed" in said, (tmp_path / "log").read_text()
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(SECONDS) == 0, (tmp_path / "log").read_text()
