"""A specification is the same in JSON, YAML and TOML; what JSON cannot hold is refused with its place."""

import json
from pathlib import Path

import pytest

from tests.service.cli.conftest import Effscale
from tests.service.cli.served import Served
from tests.service.cli.test_warm_start import service

SPEC = {
    "name": "2026-01-05",
    "dataset": "digits",
    "baseline": "efficientnet-nano",
    "space": {"alpha": [1.0, 2.0], "resolution_multiple": 4},
    "recipe": {"epochs": 3, "learning_rate": 0.001},
    "reuse": False,
}
TEXTS = {
    ".json": json.dumps(SPEC),
    ".yaml": """# a remark
name: "2026-01-05"
dataset: digits
baseline: efficientnet-nano
space:
  alpha: [1.0, 2.0]
  resolution_multiple: 4
recipe: {epochs: 3, learning_rate: 1e-3}
reuse: false
""",
    ".toml": """# a remark
name = "2026-01-05"
dataset = "digits"
baseline = "efficientnet-nano"
reuse = false
space.alpha = [1.0, 2.0]
space.resolution_multiple = 4
[recipe]
epochs = 3
learning_rate = 1e-3
""",
}


@pytest.mark.parametrize("source", ["file", "standard input"])
@pytest.mark.parametrize("suffix", TEXTS)
def test_the_service_gets_the_same_document(effscale: Effscale, tmp_path: Path, suffix: str, source: str) -> None:
    path = tmp_path / f"spec{suffix}"
    path.write_text(TEXTS[suffix])
    with service() as (url, bodies):
        if source == "file":
            done = effscale("submit", str(path), "--server", url)
        else:
            done = effscale("submit", "-", "--server", url, stdin=TEXTS[suffix])
    assert done.status == 0, done.err
    assert bodies == [SPEC]


def test_the_plan_is_the_same(effscale: Effscale) -> None:
    plans = [effscale("plan", "-", "--json", stdin=text).document for text in TEXTS.values()]
    assert plans[0] == plans[1] == plans[2]


def test_a_suffix_in_capitals_and_yml(effscale: Effscale, tmp_path: Path) -> None:
    for name, suffix in (("a.YML", ".yaml"), ("b.TOML", ".toml")):
        (tmp_path / name).write_text(TEXTS[suffix])
        assert effscale("plan", str(tmp_path / name)).status == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "name: 2026-01-05", "holds a date at /name; put it in quotes"),
        ("a.toml", "name = 2026-01-05", "holds a date at /name; put it in quotes"),
        ("a.toml", "phi = nan", "holds nan, which is no JSON number, at /phi"),
        ("a.yaml", "space: {alpha: [1, .inf]}", "holds inf, which is no JSON number, at /space/alpha/1"),
        ("a.yaml", "1: 2", "holds the key 1, which is no text, at /"),
        ("a.yaml", "a: &x [1]\nb: *x", "has an alias in line 2"),
        ("a.yaml", "name: [1,\n  }", "is not YAML: line 2, column 3"),
        ("a.yaml", "name: !!python/object:os.system {}", "is not YAML: line 1, column 7"),
        ("a.yaml", "\x01", "is not YAML"),
        ("a.yaml", "just a text", "holds a YAML str; a search specification is an object"),
        ("a.yaml", "{a: " * 5_000, "is nested too deeply"),
        ("a.toml", "name = [1,\n  }", "is not TOML"),
        ("a.json", "dataset: digits", "is not JSON: line 1, column 1"),
    ],
)
def test_what_is_wrong_says_where(effscale: Effscale, tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    done = effscale("plan", str(tmp_path / name))
    assert done.status == 2
    assert f"{name} {said}" in done.err


def test_a_field_that_is_wrong_has_the_same_pointer(effscale: Effscale, served: Served) -> None:
    for text in ("dataset: digits\nphi: x", 'dataset = "digits"\nphi = "x"'):
        for command in (("plan", "-"), ("submit", "-", "--server", served.url)):
            assert "/phi: Input should be a valid number" in effscale(*command, stdin=text).err
