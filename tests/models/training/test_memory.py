"""What a training needs and what a machine has."""

from pathlib import Path

import pytest

from models.errors import NotEnoughMemory
from models.host_memory import KIB, host_memory
from models.recipe.recipe import TrainingRecipe
from models.scaling.baselines import BASELINES
from models.training import fit
from models.training.fit import Training
from models.training.memory import device_limit, least_bytes
from tests.models.small import SMALL, digits

RECIPE = TrainingRecipe(epochs=1, batch_size=64)
V1 = "4:memory,hugetlb:/jobs/one\n9:name=systemd:/\n0::/\n"
V2 = "0::/jobs/one\n"
MACHINE = 16 * 2**20 * KIB


@pytest.mark.parametrize(
    ("memberships", "files", "expected"),
    [
        ("", {}, MACHINE),
        (V2, {"jobs/one/memory.max": "max\n", "memory.max": "max\n"}, MACHINE),
        (V2, {"jobs/one/memory.max": "4096\n", "jobs/memory.max": "8192\n"}, 4096),
        (V2, {"jobs/one/memory.max": "max\n", "jobs/memory.max": "8192\n"}, 8192),  # of the group around
        (V2, {"memory.max": "4096\n"}, 4096),  # in a container
        (V1, {"memory/jobs/one/memory.limit_in_bytes": "9223372036854771712\n"}, MACHINE),
        (V1, {"memory/memory.limit_in_bytes": "4096\n"}, 4096),
        ("0::/../one\n", {"memory.max": "4096\n"}, 4096),
    ],
)
def test_the_lowest_limit_counts(tmp_path: Path, memberships: str, files: dict[str, str], expected: int) -> None:
    written = {
        "proc/meminfo": f"MemTotal:       {MACHINE // KIB} kB\nMemFree: 5 kB\n",
        "proc/self/cgroup": memberships,
        **{f"cgroup/{name}": text for name, text in files.items()},
    }
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert host_memory(tmp_path / "proc", tmp_path / "cgroup") == expected


def test_a_system_that_tells_nothing_has_no_limit(tmp_path: Path) -> None:
    assert host_memory(tmp_path, tmp_path) is None


def test_no_built_in_network_is_refused_on_this_machine() -> None:
    limit = device_limit()
    assert limit is None or all(
        least_bytes(baseline.unscaled(10), RECIPE, RECIPE.batch_size) < limit for baseline in BASELINES.values()
    )


def test_the_least_is_less_than_what_a_program_needs_and_frozen_parts_keep_no_maps() -> None:
    training = Training(SMALL, RECIPE, digits(), seed=0)
    training.compile()
    least = least_bytes(SMALL, RECIPE, 64)
    assert least < training.summary()["peak_memory_bytes"]
    assert least_bytes(SMALL, RECIPE.model_copy(update={"frozen_stages": 1}), 64) < least_bytes(SMALL, RECIPE, 1)


def test_what_certainly_does_not_fit_is_not_even_compiled_ahead() -> None:
    least = least_bytes(SMALL, RECIPE, 64)
    with pytest.raises(NotEnoughMemory, match="GiB"):
        Training(SMALL, RECIPE, digits(), seed=0, memory=least - 1)
    with pytest.raises(NotEnoughMemory, match="GiB"):
        fit.prepare(SMALL, RECIPE, digits(), memory=least - 1)
    Training(SMALL, RECIPE, digits(), seed=0, memory=least)
