"""What commands show of a search: events in words, a live picture, and where a demo's time went."""

import json
from typing import Any

import pytest
from rich.console import Console

from search.planning.plan import plan
from search.spec.spec import SearchSpec
from service.cli.commands.demo import time_spent, unfinished
from service.cli.commands.searches import show_search
from service.cli.commands.trials import show_leaderboard, show_trial
from service.cli.commands.watching import JsonView, LiveView, PlainView, event_text, follow
from service.cli.presentation.conclusion import conclusion_rows
from service.cli.presentation.failure import JobFailed
from service.cli.presentation.output import duration, percent, show
from service.operations.demo_spec import demo_spec
from tests.service.web.simulated import OVERFITTED, finished


def event(identity: int, kind: str, /, **data: Any) -> dict[str, Any]:
    """An event as the service tells it."""
    return {"id": identity, "type": kind, "at": "2026-01-01T00:00:00.000Z", "data": data}


EPOCH = event(3, "trial.epoch", number=4, seed=0, role="search", epoch=2, validation_accuracy=0.5, train_accuracy=0.4)
FINISHED = event(4, "trial.finished", number=4, state="completed", seed=0, role="search", accuracy=0.9)
STORY = [event(1, "search.running"), event(2, "trial.started", number=4), EPOCH, FINISHED]
SEARCH: dict[str, Any] = {
    "id": "s1",
    "name": "a [bold]name[/]",
    "state": "running",
    "reason": None,
    "message": None,
    "runs": {"planned": 8, "finished": 3},
    "estimated_seconds_left": 75.0,
    "best": {"number": 4, "accuracy": 0.9},
}


class FakeClient:
    """A client whose search ends in a given state."""

    def __init__(self, state: str) -> None:
        self.state = state

    def search(self, identity: str) -> dict[str, Any]:
        """The search as it ends."""
        return {**SEARCH, "state": self.state, "reason": "no-work", "message": "nothing was left"}

    def events(self, identity: str) -> list[dict[str, Any]]:
        """The whole story."""
        return STORY


def test_plain_lines_tell_all_but_the_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    follow(FakeClient("succeeded"), "s1", PlainView())  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[-1].endswith("trial 4 (search, seed 0): completed, accuracy 90.00 %")


def test_json_lines_are_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    follow(FakeClient("succeeded"), "s1", JsonView())  # type: ignore[arg-type]
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == STORY


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_search_that_did_not_succeed_is_a_failed_job(state: str) -> None:
    with pytest.raises(JobFailed, match=f"{state} .*nothing was left"):
        follow(FakeClient(state), "s1", PlainView())  # type: ignore[arg-type]


def test_the_live_picture_shows_progress_running_trials_and_the_best() -> None:
    view = LiveView()
    view.counters(SEARCH)
    view.event(EPOCH)
    screen = Console(width=120, record=True)
    screen.print(view.picture())
    picture = screen.export_text()
    for part in ("a [bold]name[/]", "3/8 runs", "1 min 15 s", "trial 4", "epoch 2", "50.00 %", "90.00 %"):
        assert part in picture
    view.event(FINISHED)
    assert view.running == {}


def test_every_kind_of_event_has_words() -> None:
    assert event_text(EPOCH) is None
    assert event_text(event(1, "search.finalizing")) == "the search is finalizing"
    assert "drain" in str(event_text(event(1, "run.requeued", number=1, seed=0, reason="drain")))
    paused = event(1, "trial.paused", number=1, seed=0, message="after epoch 2 it waits")
    assert event_text(paused) == "trial 1 is set aside: after epoch 2 it waits"
    assert event_text(event(1, "trial.resumed", number=1, seed=0)) == "trial 1 may go on"


def run(role: str, seed: int, accuracy: float) -> dict[str, Any]:
    """A run of a trial's detail."""
    times = {"device_seconds": 10.0, "compile_seconds": 2.0}
    return {"seed": seed, "role": role, "state": "completed", "accuracy": accuracy, "test_accuracy": None, **times}


def detail(number: int, *runs: dict[str, Any]) -> dict[str, Any]:
    """A trial's detail."""
    network = {"depths": [1], "widths": [8 + number], "stem": 8, "head": 16, "resolution": 32}
    trial = {"number": number, "state": "completed", "alpha": 1.0, "beta": 1.0 + number / 10, "gamma": 1.0}
    return {**trial, "architecture": network, "reference": number == 0, "finalist": len(runs) > 1, "runs": list(runs)}


SIMULATED = finished()


def test_the_leaderboard_says_what_the_curves_say_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    show_leaderboard(SIMULATED.board())
    out, err = capsys.readouterr()
    assert "diagnosis" in out
    assert (
        f"trial {OVERFITTED} overfits: over the last 3 epochs training 98.4 %, validation 90.4 %: a gap of 8.0" in err
    )


def test_what_was_trained_before_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    trial = SIMULATED.details[1]
    said = {"message": "not trained again: the result is that of s7/3/0", "cached_from": "s7/3/0", "state": "cached"}
    show_trial({**trial, **said, "device_seconds": 0.0, "runs": [{**trial["runs"][0], **said}]})
    out, err = capsys.readouterr()
    assert "cached: not trained again: the result is that of s7/3/0" in out
    assert "(1 of 1 trainings done before)" in out
    assert "search, seed 0: not trained again: the result is that of s7/3/0" in err
    data = {"number": 4, "state": "cached", "seed": 0, "role": "search", "accuracy": 0.9, "cached_from": "s7/3/0"}
    words = event_text(event(4, "trial.finished", **data))
    assert words == "trial 4 (search, seed 0): cached from s7/3/0, accuracy 90.00 %"


@pytest.mark.parametrize("number", [1, OVERFITTED, 9])
def test_a_trial_is_shown_with_its_trainings(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    trial = SIMULATED.details[number]
    show_trial(trial)
    out, err = capsys.readouterr()
    assert f"{trial['diagnosis']}: " in out
    for run in trial["runs"]:
        assert ("1.5 GiB at most" in out) == (trial["cost"]["peak_memory_bytes"] is not None)
        assert f"{run['role']}, seed {run['seed']}: {run['diagnosis']['label']}: {run['diagnosis']['rule']}" in err
        assert (f"{run['role']}, seed {run['seed']}: one of 5 seeds" in err) == (run["role"] == "final")


def test_a_trial_that_has_not_begun_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("accuracy", "last_accuracy", "best_accuracy", "best_epoch", "train_accuracy", "test_accuracy")
    nothing = dict.fromkeys((*names, "generalization_gap", "diagnosis", "diagnosis_rule"))
    show_trial({**SIMULATED.details[0], **nothing, "state": "queued", "runs": []})
    assert "queued" in capsys.readouterr().out


def test_where_the_time_went() -> None:
    rows = dict(time_spent([detail(0, run("search", 0, 0.5), run("final", 1, 0.5))], ready=3.0, total=30.0))
    assert rows == {
        "start": "3.0 s",
        "compiling": "4.0 s",
        "training": "20.0 s",
        "overhead": "3.0 s",
        "in all": "30.0 s",
    }


def test_the_newest_unfinished_search_is_gone_on_with() -> None:
    searches = [{"id": "c", "state": "succeeded"}, {"id": "b", "state": "paused"}, {"id": "a", "state": "running"}]
    found = unfinished(searches)
    assert found is not None
    assert found["id"] == "b"
    assert unfinished(searches[:1]) is None


@pytest.mark.parametrize("trials", [1, 2, 12, 1000])
def test_the_demo_s_search_can_be_planned(trials: int) -> None:
    document = plan(SearchSpec.model_validate(demo_spec(trials)))
    assert document["catalogue"]["feasible"] >= 8


def test_numbers_for_people() -> None:
    assert (percent(0.98127), percent(None)) == ("98.13 %", "-")
    assert (duration(59.94), duration(3599.6), duration(7260), duration(None)) == (
        "59.9 s",
        "1 h 00 min",
        "2 h 01 min",
        "-",
    )
    assert (show(1234567), show([1, 2]), show(True), show(None)) == ("1,234,567", "1 2", "yes", "-")


def test_a_search_that_has_ended_says_what_it_has_shown(capsys: pytest.CaptureFixture[str]) -> None:
    said = "alpha 1.2, beta 1.1, gamma 1.15 is better than the other finalist at 95 %; gamma matters most."
    show_search({**SIMULATED.document(), "statement": said})
    out = " ".join(capsys.readouterr().out.split())
    assert said in out
    assert "71.00 % of the variance of 10 trials' accuracies is explained" in out
    assert "gamma 60.00 % (40.00 % to 80.00 %)" in out
    silent = {**SIMULATED.document()["importance"], "explained": None, "message": "9 trials are too few"}
    assert conclusion_rows({"statement": said, "importance": silent})[1] == ("coefficients", "9 trials are too few")
    assert conclusion_rows({"statement": None, "importance": None}) == []


def test_a_round_of_a_race_is_told() -> None:
    round_ = event(1, "finals.round", seeds=6, inside=[1, 2], left=[0])
    assert event_text(round_) == "the finals at 6 seeds each: significantly worse and dropped: 0; trained on: 1, 2"
