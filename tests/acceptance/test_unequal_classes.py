"""Real searches on 300 images of one class and 6 of another: nothing is recommended that never names the second."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.acceptance.stack import Document, Stack, stack

pytestmark = pytest.mark.timeout(600)  # a service with a worker, and two whole searches

BASE: Document = {
    "dataset": "rare",
    "baseline": "efficientnet-nano",
    "trials": 3,
    "finalists": {"count": 2, "seeds": 2},
    "controls": False,
    "pruner": {"name": "none"},
}


def draw(folder: Path, sizes: dict[str, int], px: int = 16) -> None:
    """Noisy images of each class: a bright left half, or a bright right half."""
    random = np.random.default_rng(0)
    for place, (name, count) in enumerate(sizes.items()):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.normal(100, 25, (px, px))
            pixels[:, place * px // 2 : (place + 1) * px // 2] += 40
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{number}.png")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service with a worker, and the images registered."""
    folder = tmp_path_factory.mktemp("unequal")
    draw(folder / "images", {"common": 300, "rare": 6})
    with stack(folder) as found:
        found.run("datasets", "add", "rare", str(folder / "images"))
        found.start_worker()
        yield found


def test_the_default_spec_recommends_no_network_that_names_one_class_alone(service: Stack) -> None:
    plan = service.client.post("/v1/plans", json=BASE).json()
    assert {"unequal-classes", "classes-hardly-judged"} <= {warning["code"] for warning in plan["warnings"]}
    search = service.finished(service.submit(BASE))
    assert search["state"] == "succeeded"
    assert search["above_chance"] is False
    assert search["statement"].startswith("Nothing was learned yet")
    constant = [trial for trial in service.details(search["id"]) if trial["balanced_accuracy"] == 0.5]
    assert constant
    for trial in constant:
        assert trial["accuracy"] > 0.9
        assert trial["per_class_recall"] == [1.0, 0.0]
        assert trial["diagnosis"] != "fits"


def test_balanced_accuracy_finds_a_network_that_names_the_rare_class(service: Stack) -> None:
    recipe = {"balanced_sampling": True}
    search = service.finished(service.submit({**BASE, "metric": "balanced_accuracy", "recipe": recipe}))
    best, trials = search["best"], service.details(search["id"])
    assert best["metric"] == "balanced_accuracy"
    assert best["score"] == best["balanced_accuracy"] == max(trial["score"] for trial in trials if trial["seeds"] > 1)
    assert best["per_class_recall"][1] > 0.0
