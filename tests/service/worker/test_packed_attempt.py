"""One attempt with several runs: each ends by itself, under its own lease, and the others go on."""

from pathlib import Path
from typing import Any

import pytest

from service.client.errors import Invalid, LeaseLost, Unreachable
from service.worker.drain import EPOCH_PATIENCE_SECONDS
from service.worker.lease_state import LeaseState
from service.worker.reachability import Reachability
from service.worker.trainer_process import Stop
from tests.service.worker.fakes import CONTINUE, Api, Clock, epoch, lease
from tests.service.worker.test_attempt import STARTED, Stage

Script = list[list[dict[str, Any] | str]]
ALL = (0, 1, 2)


def pack(folder: Path, script: Script, **options: Any) -> Stage:
    """An attempt at three seeds: leases L0, L1, L2."""
    return Stage(folder, script, *(lease(name=f"L{seed}", seed=seed, **options) for seed in ALL))


def ended(what: str, *runs: int, **fields: Any) -> list[dict[str, Any] | str]:
    """The trainer's last word on each of these runs."""
    return [{"say": what, "run": run, **fields} for run in runs]


def results(*runs: int) -> list[dict[str, Any] | str]:
    """These runs are complete."""
    return ended("result", *runs, result={"accuracy": 0.5})


def endings(stage: Stage) -> list[tuple[str, str]]:
    """How each lease ended, in order: (lease, outcome or reason)."""
    return [entry for entry in stage.api.about if entry[1] not in ("report", "save")]


def commands(stage: Stage) -> list[dict[str, str]]:
    """What the trainer was answered, by the place of the run."""
    return [message["commands"] for message in stage.child.told if message["do"] == "answer"]


def test_all_are_trained_in_one_job_and_each_is_reported_and_finished_under_its_own_lease(tmp_path: Path) -> None:
    stage = pack(tmp_path, [[STARTED, epoch(1, runs=ALL)], [epoch(2, runs=ALL, last=True)], results(*ALL)])
    stage.play()
    (order, *_) = stage.child.told
    assert [run["work"]["seed"] for run in order["runs"]] == [0, 1, 2]
    on = dict.fromkeys("012", "continue")
    assert commands(stage) == [on, on]
    reports = [(f"L{seed}", "report") for seed in ALL]
    assert stage.api.about == [*reports, *reports, *((f"L{seed}", "completed") for seed in ALL)]


@pytest.mark.parametrize(
    ("answer", "command", "last_word", "outcome"),
    [
        ({"command": "stop", "reason": "pruned"}, "stop", ended("stopped", 1, result={}), "pruned"),
        ({"command": "cancel", "reason": "search-cancelled"}, None, [], "cancelled"),
        (LeaseLost(), None, [], None),
        (Invalid("metrics"), None, [], "error"),
    ],
)
def test_one_that_drops_out_leaves_the_others_going_on(
    tmp_path: Path, answer: Any, command: str | None, last_word: list[Any], outcome: str | None
) -> None:
    stage = pack(
        tmp_path,
        [
            [STARTED, epoch(1, runs=ALL)],
            [*last_word, epoch(2, runs=(0, 2))],
            [epoch(3, runs=(0, 2), last=True)],
            results(0, 2),
        ],
    )
    stage.api.answers_to["L1"] = [answer]
    stage.play()
    first, *rest = commands(stage)
    assert first == {"0": "continue", "2": "continue"} | ({} if command is None else {"1": command})
    assert rest == [{"0": "continue", "2": "continue"}] * 2
    assert dict(endings(stage)) == {"L0": "completed", "L2": "completed"} | ({} if outcome is None else {"L1": outcome})


def test_one_that_diverges_is_infeasible_and_no_other(tmp_path: Path) -> None:
    script: Script = [
        [STARTED, *ended("diverged", 0, message="NaN"), epoch(1, runs=(1, 2), last=True)],
        results(1, 2),
    ]
    stage = pack(tmp_path, script)
    stage.play()
    assert endings(stage) == [("L0", "infeasible"), ("L1", "completed"), ("L2", "completed")]


def test_when_all_have_dropped_out_the_trainer_is_told_to_drop_the_job(tmp_path: Path) -> None:
    stage = pack(tmp_path, [[STARTED, epoch(1, runs=ALL)]])
    stage.api.answers = [LeaseLost(), LeaseLost(), LeaseLost()]
    assert stage.play() == []
    assert commands(stage) == [{}]


def test_one_that_is_lost_between_epochs_is_not_named_in_the_next_answer(tmp_path: Path) -> None:
    stage = pack(tmp_path, [], seconds=0.3)  # a heartbeat is due while the first epoch is awaited
    stage.api.answers_to["L1"] = [LeaseLost()]
    send = stage.child.send

    def begin(message: dict[str, Any]) -> None:
        send(message)
        if message["do"] == "train":
            stage.clock.sleep(0.15)

    stage.child.send = begin  # type: ignore[method-assign]
    stage.child.script = [[STARTED, epoch(1, runs=ALL, last=True)], results(0, 2)]
    stage.play()
    assert commands(stage) == [{"0": "continue", "2": "continue"}]
    assert endings(stage) == [("L0", "completed"), ("L2", "completed")]


def test_a_dead_trainer_gives_all_back_that_have_not_ended(tmp_path: Path) -> None:
    script: Script = [[STARTED, epoch(1, runs=ALL)], [*ended("diverged", 2, message="NaN"), "was ended by SIGSEGV"]]
    stage = pack(tmp_path, script)
    stage.play()
    assert endings(stage) == [("L2", "infeasible"), ("L0", "crashed"), ("L1", "crashed")]


def test_drain_saves_and_gives_back_each(tmp_path: Path) -> None:
    stage = pack(tmp_path, [])
    stage.inbox.put(Stop())
    stage.child.script = [
        [STARTED, epoch(1, runs=ALL)],
        [{"say": "checkpoint", "run": run, "checkpoint": stage.saved(1, run)} for run in ALL],
    ]
    stage.play()
    assert commands(stage) == [dict.fromkeys("012", "drain")]
    assert stage.api.about[3:] == [entry for seed in ALL for entry in ((f"L{seed}", "save"), (f"L{seed}", "drain"))]


def test_drain_gives_up_on_an_epoch_that_does_not_end(tmp_path: Path) -> None:
    stage = pack(tmp_path, [[STARTED]], seconds=3600.0)
    stage.drain.begin(stage.clock() - EPOCH_PATIENCE_SECONDS)
    stage.play()
    assert endings(stage) == [("L0", "drain"), ("L1", "drain"), ("L2", "drain")]
    assert stage.child.killed


def test_checkpoints_are_uploaded_when_the_trainer_has_been_sent_on_with_all(tmp_path: Path) -> None:
    stage = pack(tmp_path, [])
    saved = [stage.saved(1, run) for run in ALL]
    stage.child.script = [[STARTED, epoch(1, *saved, runs=ALL)], [epoch(2, runs=ALL, last=True)], results(*ALL)]
    stage.play()
    assert [what for _, what in stage.api.about[:9]] == ["report"] * 3 + ["save"] * 3 + ["report"] * 3
    assert not any(Path(state["path"]).exists() for state in saved)


def test_each_goes_on_from_its_own_state_and_one_that_is_corrupt_falls_back_alone(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path,
        [
            [{"say": "corrupt", "run": 1, "message": "one bit"}],
            [STARTED, epoch(3, runs=(0, 1), last=True)],
            results(0, 1),
        ],
        *(lease(2, 1, name=f"L{seed}", seed=seed) for seed in (0, 1)),
    )
    stage.api.stored = {2: b"late", 1: b"early"}
    stage.play()
    orders = [message for message in stage.child.told if message["do"] == "train"]
    starts = [[Path(run["checkpoint"]).name for run in order["runs"]] for order in orders]
    assert starts == [["resume-L0-2", "resume-L1-2"], ["resume-L0-2", "resume-L1-1"]]
    assert endings(stage) == [("L0", "completed"), ("L1", "completed")]


def test_too_many_for_the_memory_are_given_back_and_the_first_is_trained_alone(tmp_path: Path) -> None:
    script: Script = [
        [STARTED, {"say": "too-many", "message": "RESOURCE_EXHAUSTED"}],
        [STARTED, epoch(1, last=True)],
        results(0),
    ]
    stage = pack(tmp_path, script)
    stage.play()
    assert endings(stage) == [("L1", "drain"), ("L2", "drain"), ("L0", "completed")]


def test_what_is_true_of_the_network_is_true_of_all(tmp_path: Path) -> None:
    stage = pack(tmp_path, [[STARTED, {"say": "out-of-memory", "message": "needs 9 GiB"}]])
    assert stage.play() == [("finish", "infeasible", "memory")] * 3


def test_an_absent_service_is_tried_once_for_all_leases() -> None:
    """Each try may take a whole timeout, and all together longer than a lease."""
    clock, api, tries = Clock(), Api(), []
    reachability = Reachability(api.server)

    def report(*_: Any) -> dict[str, Any]:
        tries.append(clock())
        if len(tries) == 1:
            raise Unreachable
        return CONTINUE

    api.report = report  # type: ignore[method-assign]
    holds = [LeaseState(lease(name=f"L{seed}"), api, reachability, clock=clock, sleep=clock.sleep) for seed in ALL]  # type: ignore[arg-type]
    clock.sleep(10.0)
    for lease_state in holds:
        lease_state.send_due()
    assert len(tries) == 1
    clock.sleep(max(lease_state.due() for lease_state in holds))
    for lease_state in holds:
        lease_state.send_due()
    assert len(tries) == 4
