"""One attempt from a lease to its end, against a scripted trainer."""

import itertools
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from service.client.errors import Invalid, LeaseLost, Unreachable
from service.worker.attempt import Attempt
from service.worker.drain import EPOCH_PATIENCE_SECONDS, Drain
from service.worker.lease_client import Damaged, Lease
from service.worker.lease_state import LeaseState
from service.worker.reachability import Reachability
from service.worker.trainer_process import Inbox, Stop
from tests.service.worker.fakes import CONTINUE, Api, Clock, TrainerProcess, epoch, lease

STARTED: dict[str, Any] = {"say": "started"}
RESULT: dict[str, Any] = {"say": "result", "result": {"accuracy": 0.5}}


class Stage:
    """Everything an attempt needs, faked."""

    def __init__(self, folder: Path, script: list[list[dict[str, Any] | str]], *granted: Lease) -> None:
        self.folder = folder
        self.clock = Clock()
        self.api = Api()
        self.inbox: Inbox = SimpleQueue()
        self.child = TrainerProcess(self.inbox, script)
        self.drain = Drain()
        self.leases = granted or (lease(),)

    def play(self) -> list[tuple[Any, ...]]:
        """Run the attempt; what was written to the service."""
        reachability = Reachability(self.api.server)
        Attempt(
            [
                LeaseState(each, self.api, reachability, clock=self.clock, sleep=self.clock.sleep)  # type: ignore[arg-type]
                for each in self.leases
            ],
            self.api,  # type: ignore[arg-type]
            self.child,  # type: ignore[arg-type]
            self.inbox,
            self.drain,
            jobs=itertools.count(1),
            directory=self.folder,
            checkpoint_seconds=5.0,
            clock=self.clock,
        ).run()
        return self.api.written

    def saved(self, number: int, run: int = 0) -> dict[str, Any]:
        """A checkpoint file as the trainer tells of it."""
        path = self.folder / f"run-{run}-epoch-{number}"
        path.write_bytes(b"abc")
        return {"epoch": number, "path": str(path), "sha256": "0" * 64, "size": 3}


def test_what_will_probably_come_next_is_prepared_once_the_job_has_begun(tmp_path: Path) -> None:
    shape = {"depths": [2, 2], "widths": [8, 16, 24, 16], "resolution": 24}
    granted = replace(lease(), upcoming={"key": "0123456789abcdef", **shape})
    prepared = {"say": "prepared", "network": "0123456789abcdef", "job": None}
    stage = Stage(tmp_path, [[STARTED], [prepared, epoch(1, last=True)], [RESULT]], granted)
    assert stage.play() == [("report", 1), ("finish", "completed", None)]
    assert stage.child.answers == ["train", "prepare", "continue"]
    assert stage.child.told[1]["work"] == {**granted.job, **shape}


def test_epochs_are_reported_and_the_result_finishes_the_run(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(1)], [epoch(2)], [epoch(3, last=True)], [RESULT]])
    assert stage.play() == [("report", 1), ("report", 2), ("report", 3), ("finish", "completed", None)]
    assert stage.child.answers == ["train", "continue", "continue", "continue"]


def test_a_checkpoint_is_uploaded_after_the_trainer_was_sent_on_and_its_file_removed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [])
    saved = stage.saved(1)
    stage.child.script = [[STARTED, epoch(1, saved)], [epoch(2)], [epoch(3, last=True)], [RESULT]]
    assert stage.play()[:3] == [("report", 1), ("save", 1), ("report", 2)]
    assert not Path(saved["path"]).exists()


def test_a_checkpoint_that_cannot_be_stored_costs_no_training(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [])
    stage.child.script = [[STARTED, epoch(1, stage.saved(1))], [epoch(2)], [epoch(3, last=True)], [RESULT]]
    stage.api.answers = [CONTINUE, Unreachable("the disk is full")]
    assert stage.play()[-1] == ("finish", "completed", None)


def test_stop_asks_for_the_result_so_far_and_finishes_as_pruned(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(1)], [{"say": "stopped", "result": {}}]])
    stage.api.answers = [{"command": "stop", "reason": "asha"}]
    assert stage.play() == [("report", 1), ("finish", "pruned", "asha")]
    assert stage.child.answers == ["train", "stop"]


def test_cancel_abandons_the_job(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(1)]])
    stage.api.answers = [{"command": "cancel", "reason": "cancelled"}]
    assert stage.play() == [("report", 1), ("finish", "cancelled", "cancelled")]
    assert stage.child.answers == ["train", "abandon"]


@pytest.mark.parametrize(("said", "reason"), [("diverged", "diverged"), ("out-of-memory", "memory")])
def test_divergence_and_lack_of_memory_are_results(tmp_path: Path, said: str, reason: str) -> None:
    stage = Stage(tmp_path, [[STARTED, {"say": said, "message": "why"}]])
    assert stage.play() == [("finish", "infeasible", reason)]


def test_an_error_gives_the_run_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[{"say": "error", "message": "ValueError: no"}]])
    assert stage.play() == [("release", "error", "ValueError: no")]


def test_a_dead_trainer_gives_the_run_back_with_its_last_words(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(1)], ["was ended by SIGSEGV"]])
    assert stage.play() == [("report", 1), ("release", "crashed", "was ended by SIGSEGV")]


def test_a_lost_lease_stops_all_writing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(1)], [epoch(2)], [epoch(3, last=True)], [RESULT]])
    stage.api.answers = [CONTINUE, LeaseLost()]
    assert stage.play() == [("report", 1)]
    assert stage.child.answers == ["train", "continue", "abandon"]


def test_a_lease_that_ran_out_by_our_clock_stops_all_writing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(1)], [epoch(2)], [epoch(3, last=True)], [RESULT]])
    stage.api.answers = [Unreachable()] * 10_000
    assert stage.play() == []
    assert stage.child.answers == ["train", "continue", "continue", "continue"]  # it has ended by itself


def test_training_goes_on_during_an_outage_and_everything_is_told_afterwards(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(1)], [epoch(2)], [epoch(3, last=True)], [RESULT]])
    stage.api.answers = [Unreachable()] * 4
    assert stage.play() == [("report", 1), ("report", 2), ("report", 3), ("finish", "completed", None)]


def test_what_the_server_refuses_gives_the_run_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(1)]])
    stage.api.answers = [Invalid("train_loss is missing")]
    (release,) = stage.play()
    assert release[:2] == ("release", "error")
    assert "train_loss is missing" in release[2]


def test_drain_saves_the_epoch_and_gives_the_run_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [])
    stage.child.script = [[STARTED, epoch(1)], [{"say": "checkpoint", "checkpoint": stage.saved(1)}]]
    stage.drain.begin(stage.clock())
    assert stage.play() == [("report", 1), ("save", 1), ("release", "drain", None)]
    assert stage.child.answers == ["train", "drain"]


@pytest.mark.parametrize(
    ("last", "written"),
    [
        ({"say": "unfit", "message": "too wide"}, ("finish", "infeasible", "start-does-not-fit")),
        (
            {"say": "not-here", "reason": "dataset-differs", "message": "other images"},
            ("release", "dataset-differs", "other images"),
        ),
    ],
)
def test_what_does_not_fit_ends_and_what_is_not_here_is_given_back(
    tmp_path: Path, last: dict[str, Any], written: tuple[str, str, str]
) -> None:
    assert Stage(tmp_path, [[last]]).play() == [written]


def test_drain_in_the_last_epoch_lets_the_run_finish(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(3, last=True)], [RESULT]])
    stage.drain.begin(stage.clock())
    assert stage.play() == [("report", 3), ("finish", "completed", None)]


def test_drain_gives_up_on_an_epoch_that_does_not_end(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [[STARTED]], lease(seconds=3600.0))
    stage.inbox.put(Stop())
    stage.drain.begin(stage.clock() - EPOCH_PATIENCE_SECONDS)
    (release,) = stage.play()
    assert release[:2] == ("release", "drain")
    assert stage.child.killed


def test_a_stop_signal_in_the_middle_of_an_epoch_begins_the_drain(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [])
    stage.inbox.put(Stop())
    stage.child.script = [[STARTED, epoch(1)], [{"say": "checkpoint", "checkpoint": stage.saved(1)}]]
    assert stage.play()[-1] == ("release", "drain", None)


@pytest.mark.parametrize("failure", [Damaged("bits"), Invalid("the server's own copy is corrupt")])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(tmp_path, [[STARTED, epoch(3, last=True)], [RESULT]], lease(2, 1))
    stage.api.stored = {2: failure, 1: b"good"}  # type: ignore[dict-item]
    with caplog.at_level("INFO"):
        stage.play()
    assert stage.child.told[0]["runs"][0]["checkpoint"].endswith("resume-L1-1")
    assert "resumes after epoch 1" in caplog.text


def test_checkpoints_that_the_trainer_finds_corrupt_end_in_a_start_from_scratch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corrupt: list[dict[str, Any] | str] = [{"say": "corrupt", "run": 0, "message": "one bit"}]
    stage = Stage(tmp_path, [corrupt, corrupt, [STARTED, epoch(3, last=True)], [RESULT]], lease(2, 1))
    stage.api.stored = {2: b"bad", 1: b"bad"}
    assert stage.play()[-1] == ("finish", "completed", None)
    assert [message["runs"][0]["checkpoint"] for message in stage.child.told[:3]] == [
        str(tmp_path / "resume-L1-2"),
        str(tmp_path / "resume-L1-1"),
        None,
    ]
    assert "begins from scratch" in caplog.text
