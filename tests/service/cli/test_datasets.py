"""`effscale datasets` as people type it, and a network trained on what was registered."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.models.data.conftest import put
from tests.service.cli.conftest import Effscale


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder of two classes with a text among the images."""
    for label, name in enumerate(("cat", "dog")):
        for i in range(10):
            put(tmp_path / "pets" / name / f"{i}.png", 100 * label + i)
    (tmp_path / "pets" / "cat" / "words.png").write_text("no image")
    return tmp_path / "pets"


def test_add_list_show_remove(effscale: Effscale, pets: Path) -> None:
    added = effscale("datasets", "add", "pets", str(pets), "--json")
    assert added.status == 0, added.err
    assert "decoding: 21 of 21" in added.err
    document = added.document
    assert (document["name"], document["train"], document["native_px"]) == ("pets", 12, 12)
    assert [found["kind"] for found in document["problems"]] == ["corrupt"]
    assert effscale("datasets", "show", "pets", "--json").document == document
    listed = effscale("datasets", "list", "--json").document
    assert [item["name"] for item in listed["items"]] == ["digits", "pets", "shapes"]
    shown = effscale("datasets", "show", "pets")
    assert "cat/words.png: a text file" in shown.out
    spec = {"dataset": "pets", "baseline": "efficientnet-nano"}
    plan = effscale("plan", "-", "--json", stdin=json.dumps(spec))
    assert plan.document["dataset"]["content_hash"] == document["content_hash"]
    removed = effscale("datasets", "remove", "pets", "--json")
    assert json.loads(removed.out) == {"name": "pets", "deleted": True}
    gone = effscale("datasets", "show", "pets")
    assert gone.status == 2
    assert gone.err.startswith("error: there is no data set 'pets'; there are: digits, shapes (looked in ")


def test_problems_are_warned_of_and_refused_when_asked(effscale: Effscale, pets: Path) -> None:
    refused = effscale("datasets", "add", "pets", str(pets), "--on", "corrupt=refuse")
    assert refused.status == 2
    assert (
        "1 corrupt (cannot be decoded, cannot be read, or is no image at all), refused by corrupt=refuse:\n"
        in refused.err
    )
    assert "cat/words.png: a text file" in refused.err
    added = effscale("datasets", "add", "pets", str(pets))
    assert added.status == 0
    assert "warning: 1 corrupt (skip): cannot be decoded" in added.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Pets", "."], "no name for a data set"),
        (["digits", "."], "built in"),
        (["pets", "nowhere"], "there is nothing at"),
        (["pets", ".", "--on", "ugly=skip"], "'ugly=skip' is no KIND=POLICY"),
        (["pets", ".", "--px", "1"], "must be 4 to 2048 px"),
        (["pets", ".", "--fit", "squeeze"], "squeeze"),
    ],
)
def test_what_makes_no_sense_is_said(effscale: Effscale, pets: Path, arguments: list[str], said: str) -> None:
    done = effscale("datasets", "add", *(str(pets) if each == "." else each for each in arguments))
    assert done.status == 2
    assert said in done.err


def test_details_of_the_built_in_ones(effscale: Effscale, tmp_path: Path) -> None:
    for name in ("digits", "shapes"):
        document = effscale("datasets", "show", name, "--json").document
        assert document["kind"] == "built-in"
        assert len(document["content_hash"]) == 64


def test_an_image_in_every_pixel_size_is_taken(effscale: Effscale, tmp_path: Path) -> None:
    for label in ("a", "b"):
        for i, size in enumerate([(1, 1), (1, 400), (400, 1), (30, 40), (500, 300), (64, 64)]):
            image = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5 + i + 10 * (label == "b")), 50)
            (tmp_path / "s" / label).mkdir(parents=True, exist_ok=True)
            image.point(lambda v, i=i, label=label: (v + 20 * i + 7 * (label == "b")) % 256).save(
                tmp_path / "s" / label / f"{i}.png"
            )
    assert effscale("datasets", "add", "odd", str(tmp_path / "s"), "--json").document["source_px"] >= 1
