"""Every table of the commands, as it stands on a terminal of 80 columns, on a wider one, and in a pipe."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len
from safetensors.numpy import save_file

from service.cli.commands.demo import time_spent
from service.cli.commands.replicates import Replicate, show_together
from service.cli.commands.trials import show_leaderboard
from service.cli.presentation.controls import show_controls
from service.cli.presentation.screen import wrapped
from service.cli.presentation.table import Column, pairs, table
from service.operations.doctor import Finding
from tests.service.cli import golden
from tests.service.cli.conftest import Effscale
from tests.service.cli.served import Served
from tests.service.cli.terminal import terminal
from tests.service.web.simulated import finished

NARROW, MIDDLE, ENDLESS = 80, 100, 10_000
SCALED = ("efficientnet-b0", "--alpha", "1.2", "--beta", "1.1", "--gamma", "1.15")
# Commands that print a table; {ended} and such are ids of searches
TABLES = {
    "baselines-list": ("baselines", "list"),
    "baselines-show": ("baselines", "show", "efficientnet-b0"),
    "baselines-check": ("baselines", "check", "{folder}/stages.json"),
    "config-show": ("config", "show"),
    "datasets-list": ("datasets", "list"),
    "datasets-show": ("datasets", "show", "pets"),
    "doctor": ("doctor",),
    "family": ("family", *SCALED),
    "keys-list": ("keys", "list"),
    "leaderboard": ("leaderboard", "{ended}"),
    "leaderboard-of-a-running-search": ("leaderboard", "{running}"),
    "list": ("list",),
    "plan": ("plan", "{folder}/spec.json"),
    "scale": ("scale", *SCALED, "--phi", "2"),
    "show": ("show", "{ended}"),
    "show-cancelled": ("show", "{cancelled}"),
    "show-trial": ("show", "{ended}", "--trial", "0"),
    "version": ("version",),
    "weights-list": ("weights", "list"),
    "weights-show": ("weights", "show", "parent"),
}
LISTS = ("plan", "show", "show-cancelled", "version", "weights-show")  # names and values: nothing to leave out
WITHOUT_WIDE = (*LISTS, "doctor")  # its three columns are always shown
FINDINGS = [
    Finding("versions", "ok", "python 3.12.1, effscale 0.1.0, jax 0.10.2, jaxlib 0.10.2, flax 0.12.8, numpy 2.4.6"),
    Finding("compile cache", "warning", "/data/compiled is not used, every worker compiles anew: 0.05 s, then 0.05 s"),
    Finding("database", "ok", "sqlite, migrated"),
]
STAGES = {
    "extends": "efficientnet-nano",
    "stages": [{"kernel": 3, "repeats": 1, "expansion": 1, "se_ratio": 0.25, "stride": 1, "width": 8}],
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder whose path is always as long: tables are as wide in every run."""
    made = Path(tempfile.mkdtemp(prefix="g", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def inputs(folder: Path) -> Path:
    """Files that commands are given: images of which one is broken, weights, a specification, a stage table."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 10, 16, 16, 3), dtype=np.uint8)
    for label, images in zip(("cat", "dog"), pixels, strict=True):
        (folder / "images" / label).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / "images" / label / f"{number}.png")
    (folder / "images" / "dog" / "broken.png").write_bytes(b"no picture at all")
    save_file({"a": np.zeros((200, 3), np.float32), "b": np.ones((7,), np.float32)}, folder / "parent.safetensors")
    (folder / "spec.json").write_text('{"dataset": "digits", "baseline": "efficientnet-nano"}')
    (folder / "stages.json").write_text(json.dumps(STAGES))
    return folder


Printed = Callable[..., str]


@pytest.fixture
def printed(
    effscale: Effscale, served: Served, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, str]]:
    """Runs a command of `TABLES` and gives what it printed on a terminal of so many columns (none: a pipe)."""
    monkeypatch.chdir(inputs)
    monkeypatch.setattr("service.operations.doctor.diagnose", lambda settings: FINDINGS)
    settings = {"EFFSCALE_DATA_DIR": "data", "EFFSCALE_SERVER": served.url}
    if not (inputs / "data").exists():
        for command in (
            ("weights", "add", "parent", "parent.safetensors"),
            ("datasets", "add", "pets", "images"),
            ("keys", "create", "continuous integration", "--days", "30"),
        ):
            assert effscale(*command, **settings).status == 0

    def run(name: str, columns: int | None, *more: str) -> str:
        words = {"ended": served.ended, "running": served.running, "cancelled": served.cancelled, "folder": "."}
        arguments = [word.format(**words) for word in TABLES[name]]
        if columns is None:
            done = effscale(*arguments, *more, **settings)
            text = done.out
        else:
            with terminal(columns) as screen:
                done = effscale(*arguments, *more, **settings)
            text = screen.text
        assert done.status == 0, done.err
        return normal(text, served, inputs)

    return run


def normal(text: str, served: Served, folder: Path) -> str:
    """Without what differs from run to run: ids, the folder, times of this day, versions. Lengths stay."""
    for name in ("ended", "running", "cancelled"):
        identity = getattr(served, name)
        text = text.replace(identity, f"s_{name}".ljust(len(identity), "0"))
    text = text.replace(str(folder), "/tmp/g".ljust(len(str(folder)), "0"))
    text = text.replace(served.url, "http://127.0.0.1:12345"[: len(served.url)])
    text = re.sub(r"\bk[0-9a-f]{8}\b", "k0a1b2c3d", text)
    text = re.sub(r"\b20\d\d-\d\d-\d\d(?=T\d\d:\d\d:\d\dZ)", "2026-01-05", text)  # weights
    text = re.sub(r"(?<=T)\d\d:\d\d:\d\d(?=Z)", "10:01:00", text)
    return re.sub(r"\b20\d\d-\d\d-\d\d \d\d:\d\d(?=\s)", "2026-01-05 10:01", text)


def words(text: str) -> set[str]:
    """What stands between blanks, without the note on columns that were left out and without rules."""
    lines = [line for line in text.split("not shown:", maxsplit=1)[0].splitlines() if not line.startswith("─")]
    return {word for line in lines for word in line.split()}


@pytest.mark.parametrize("name", TABLES)
def test_a_terminal_of_80_columns(printed: Printed, name: str) -> None:
    text = printed(name, NARROW)
    if name == "version":
        text = re.sub(r"\d+(\.\d+)+", "1.2.3", text)
    golden.check(name, text)


@pytest.mark.parametrize("columns", [60, NARROW, MIDDLE, 120])
@pytest.mark.parametrize("name", TABLES)
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(printed: Printed, name: str, columns: int) -> None:
    text = printed(name, columns)
    whole = words(printed(name, ENDLESS))
    assert words(text) <= whole
    longest = max(map(cell_len, whole))  # a word that is longer than the terminal is not broken either
    too_wide = [line for line in text.splitlines() if cell_len(line) > columns]
    if name in ("weights-show", "datasets-show"):  # 64 digits of a checksum
        too_wide = [line for line in too_wide if cell_len(line) > longest + 15]
    assert too_wide == []


@pytest.mark.parametrize("name", [name for name in TABLES if name not in WITHOUT_WIDE])
def test_wide_shows_every_column(printed: Printed, name: str) -> None:
    wide = printed(name, NARROW, "--wide")
    assert "not shown" not in wide
    assert words(wide) == words(printed(name, ENDLESS))


@pytest.mark.parametrize("name", TABLES)
def test_a_pipe_gets_tabs_and_whole_values(printed: Printed, name: str) -> None:
    text = printed(name, None)
    assert "─" not in text
    assert "not shown" not in text
    for block in text.strip("\n").split("\n\n"):
        counts = {line.count("\t") for line in block.splitlines()}
        assert len(counts) == 1, block
        assert counts != {0}, block


def test_values_in_a_pipe_are_those_of_json(effscale: Effscale, served: Served) -> None:
    document = effscale("leaderboard", served.ended, "--json", "--server", served.url).document
    heading, *lines = effscale("leaderboard", served.ended, "--server", served.url).out.splitlines()
    rows = [dict(zip(heading.split("\t"), line.split("\t"), strict=True)) for line in lines]
    assert [row["accuracy"] for row in rows] == [str(item["accuracy"]) for item in document["items"]]
    assert [row["params"] for row in rows] == [str(item["cost"]["params"]) for item in document["items"]]
    listed = effscale("list", "--server", served.url).out
    assert served.ended in [line.split("\t")[0] for line in listed.splitlines()]


def test_what_a_terminal_leaves_out_is_named(printed: Printed) -> None:
    assert "not shown" not in printed("leaderboard", ENDLESS)
    text = printed("leaderboard", NARROW)
    note = text.split("not shown: ")[1].splitlines()[0]
    assert note.endswith("; --wide shows them")
    shown, left_out = re.split(r"  +", text.splitlines()[0]), note.partition(";")[0].split(", ")
    assert sorted([*shown, *left_out]) == sorted(printed("leaderboard", None).splitlines()[0].split("\t"))


@pytest.mark.parametrize("objectives", [("accuracy", "macs"), ("accuracy", "params", "latency_ms", "activations")])
def test_what_a_search_aims_at_is_always_shown(objectives: tuple[str, ...]) -> None:
    with terminal(NARROW) as screen:
        show_leaderboard(finished().board(), objectives)
    heading, rule = screen.text.splitlines()[:2]
    assert set(objectives) <= set(heading.split())
    assert cell_len(rule) <= NARROW


def test_simple_choices_at_80_columns() -> None:
    document = finished().document()
    with terminal(NARROW) as screen:
        show_controls(document["controls"])
    golden.check("controls", screen.text)


@pytest.mark.parametrize("columns", range(30, 110, 5))
def test_the_least_important_columns_go_first(columns: int) -> None:
    """What is shown is more important than all that is not."""
    with terminal(columns) as screen:
        table([Column("a"), Column("bb", 3), Column("c", 1), Column("d", 2)], [["x" * 20] * 4])
    heading = screen.text.splitlines()[0].split()
    assert heading in (["a"], ["a", "c"], ["a", "c", "d"], ["a", "bb", "c", "d"])
    assert len(heading) == max(1, (columns + 2) // 22) or len(heading) == 4


@given(text=st.text(st.sampled_from("ab %;,-1大 ")), width=st.integers(1, 30))
def test_wrapping_loses_and_breaks_nothing(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert " ".join(lines).split() == text.split()
    assert [line for line in lines if cell_len(line) > width and re.search(" (?!%)", line)] == []


def test_a_name_cannot_move_the_cursor() -> None:
    with terminal(NARROW) as screen:
        pairs([("name", "a\x1b[31mred\n\tname")])
    assert screen.text == "name  a\N{REPLACEMENT CHARACTER}[31mred name\n"


def test_several_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `train --seeds`, with results that were not measured just now."""
    result = {
        "accuracy": 0.9123,
        "best_accuracy": 0.92,
        "best_epoch": 7,
        "last_accuracy": 0.9123,
        "test_accuracy": 0.9,
        "device_seconds": 83.25,
        "compile_seconds": 4.5,
        "packed": 1,
    }
    replicates = [Replicate(seed, {**result, "accuracy": 0.9 + seed / 100}, []) for seed in range(3)]
    with terminal(NARROW) as screen:
        show_together(replicates, 260.0, wide=False)
    golden.check("train-seeds", screen.text)


def test_where_a_demo_s_time_went() -> None:
    run = {"compile_seconds": 2.0, "device_seconds": 10.0}
    with terminal(NARROW) as screen:
        pairs(time_spent([{"runs": [run, run]}], ready=3.0, total=75.0))
    golden.check("demo-time", screen.text)
