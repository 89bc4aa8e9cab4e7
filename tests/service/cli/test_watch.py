"""Following a search: how it ends, and what Ctrl-C says."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.cli import golden
from tests.service.cli.conftest import SECONDS, Effscale, environment
from tests.service.cli.served import Served
from tests.service.cli.terminal import terminal

SPEC = {"dataset": "digits", "baseline": "efficientnet-nano", "target": {"tolerance": 0.5}}


def test_it_ends_with_the_result_and_the_next_command(effscale: Effscale, served: Served) -> None:
    done = effscale("watch", served.ended, "--server", served.url)
    assert done.status == 0
    assert "the search succeeded" in done.out
    _, result, board, *_ = done.out.split("\n\n")
    assert result.startswith("result: alpha 1.1, beta 1.1, gamma 1.16 is better than the other finalist at 95 %")
    assert board.splitlines()[0].split("\t")[:2] == ["rank", "trial"]
    assert len(board.splitlines()) == 6
    assert done.err.splitlines()[-2:] == [
        f"next: effscale leaderboard {served.ended} --server {served.url} --wide",
        f"      effscale export {served.ended} --server {served.url} --output scaling.json",
    ]


def test_on_a_terminal_it_ends_with_them_too(effscale: Effscale, served: Served) -> None:
    with terminal(80) as screen:
        done = effscale("watch", served.ended, EFFSCALE_SERVER=served.url)
    assert done.status == 0, done.err
    ending = screen.text[screen.text.index("\nresult: ") + 1 :]
    golden.check("watch-ending", ending.replace(served.ended, "s_ended0000000000"))


def test_the_next_command_can_be_typed(effscale: Effscale, served: Served, tmp_path: Path) -> None:
    done = effscale("watch", served.ended, "--server", served.url)
    _, *board = done.err.splitlines()[-2].removeprefix("next: ").split()
    _, *export = done.err.splitlines()[-1].split()
    assert effscale(*board).out.startswith("rank\ttrial")
    target = tmp_path / "scaling.json"
    assert effscale(*export[:-1], str(target)).status == 0
    assert json.loads(target.read_bytes())["schema"] == "effscale/scaling-config/1"


def test_a_cancelled_search_is_a_failed_job(effscale: Effscale, served: Served) -> None:
    done = effscale("watch", served.cancelled, "--server", served.url)
    assert done.status == 1
    assert f"search {served.cancelled} was cancelled" in done.err


@pytest.mark.parametrize("form", ["lines", "json", "screen"])
@pytest.mark.parametrize("command", ["watch", "submit"])
def test_ctrl_c_says_that_the_search_goes_on(served: Served, tmp_path: Path, command: str, form: str) -> None:
    """In a pipe, as JSON lines, and on a terminal with its live picture."""
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    arguments = ["watch", served.running] if command == "watch" else ["submit", "spec.json", "--watch"]
    arguments += ["--json"] if form == "json" else []
    ours, theirs = os.openpty() if form == "screen" else os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", *arguments, "--server", served.url],
        cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONPATH": str(Path.cwd()), "TERM": "xterm"},
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    assert os.read(ours, 1)  # it follows the search: the first event has been shown
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    os.close(ours)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    message = json.loads(err.splitlines()[-1])["detail"] if form == "json" else err
    assert "the search goes on" in message
    watched = next(word for word in message.split("effscale watch ")[1].split())
    assert f"effscale watch {watched} --server {served.url}" in message
    assert f"effscale cancel {watched} --server {served.url}" in message
    assert served.fleet.search(watched).state in ("queued", "running")
