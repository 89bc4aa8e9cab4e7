"""The trainer as a process, with several seeds in one job."""

from pathlib import Path
from typing import Any

import pytest

from service.worker.worker import seeds_at_once
from tests.service.conftest import Message, Trainer, tiny_job

pytestmark = pytest.mark.timeout(300)
CPU, GPU = [{"platform": "cpu", "kind": "cpu"}], [{"platform": "gpu", "kind": "H100"}]
SEEDS = (3, 4)


def job(seed: int, checkpoint: str | None = None, **recipe: Any) -> Message:
    """One run of a job."""
    return {"work": {**tiny_job(**recipe), "seed": seed, "evaluate_test": True}, "checkpoint": checkpoint}


def heard(trainer: Trainer, *commands: dict[int, str]) -> list[Message]:
    """All that is said until the job is over; epochs are answered in turn, at last each with `continue`."""
    said, answers = [], list(commands)
    while (message := trainer.hear_any())["say"] != "idle":
        said.append(message)
        if message["say"] == "epoch":
            on = {report["run"]: "continue" for report in message["reports"]}
            trainer.answer(answers.pop(0) if answers else on)
    return said


def of_run(said: list[Message], run: int) -> list[dict[str, float]]:
    """The metrics of a run's epochs."""
    return [report["metrics"] for message in said for report in message.get("reports", []) if report["run"] == run]


@pytest.fixture(scope="module")
def prepared(shared_trainer: Trainer) -> list[Message]:
    """What was said of two seeds whose program, which all tests here share, was compiled beside another training."""
    trainer = shared_trainer
    trainer.train(tiny_job(epochs=1000))
    trainer.hear("started")
    trainer.tell(do="prepare", work=job(3)["work"], seeds=2)
    while trainer.hear_any()["say"] != "prepared":
        trainer.answer({0: "continue"})
    trainer.hear("epoch")
    trainer.answer({})
    trainer.hear("idle")
    trainer.pack(*(job(seed, epochs=2) for seed in SEEDS))
    return heard(trainer)


def test_two_seeds_as_one_program_come_to_what_each_comes_to_alone(
    shared_trainer: Trainer, prepared: list[Message]
) -> None:
    """Up to the rounding of float32 sums in another order; accuracies are counts, and one image may tip over."""
    assert [message["say"] for message in prepared] == ["started", "epoch", "epoch", "result", "result"]
    results = {message["run"]: message["result"] for message in prepared if message["say"] == "result"}
    for run, seed in enumerate(SEEDS):
        shared_trainer.pack(job(seed, epochs=2))
        alone = heard(shared_trainer)
        for ours, theirs in zip(of_run(prepared, run), of_run(alone, 0), strict=True):
            for loss in ("train_loss", "validation_loss"):
                assert ours[loss] == pytest.approx(theirs[loss], rel=1e-4)
        expected = alone[-1]["result"]
        assert results[run].keys() == expected.keys()
        for name in ("epochs", "stopped_early", "dataset_hash", "started_from"):
            assert results[run][name] == expected[name]
        for name in ("accuracy", "test_accuracy"):
            assert results[run][name] == pytest.approx(expected[name], abs=0.01)
        assert (results[run]["packed"], expected["packed"]) == (2, 1)
        # together they are computed without the CPU kernels, which need fewer maps
        assert results[run]["peak_memory_bytes"] == pytest.approx(expected["peak_memory_bytes"], rel=0.5)
    shares = [results[run]["device_seconds"] for run in range(2)]
    assert shares[0] == pytest.approx(shares[1])  # an equal share each


def test_a_packed_program_is_compiled_ahead_and_charged_to_the_first(prepared: list[Message]) -> None:
    results = [message["result"] for message in prepared if message["say"] == "result"]
    assert [result["programs_compiled"] + result["programs_cached"] for result in results] == [1, 0]
    assert results[0]["compiled_ahead_seconds"] > results[0]["compile_seconds"]


def test_one_is_stopped_and_the_other_goes_on(shared_trainer: Trainer, prepared: list[Message]) -> None:
    assert prepared
    shared_trainer.pack(*(job(seed, epochs=3) for seed in SEEDS))
    said = heard(shared_trainer, {0: "continue", 1: "stop"})
    words = [(message["say"], message.get("run")) for message in said[1:]]
    epoch = ("epoch", None)
    assert words == [epoch, ("stopped", 1), epoch, epoch, ("result", 0)]
    assert (said[2]["result"]["epochs"], said[-1]["result"]["epochs"]) == (1, 3)
    assert [report["run"] for report in said[3]["reports"]] == [0]


def test_checkpoints_of_a_pack_are_ordinary_ones(shared_trainer: Trainer, prepared: list[Message]) -> None:
    assert prepared
    both = {0: "continue", 1: "continue"}
    shared_trainer.pack(*(job(seed) for seed in SEEDS), checkpoint_seconds=0.0)
    said = heard(shared_trainer, both, {0: "drain", 1: "continue"}, {})
    assert [message["say"] for message in said] == ["started", "epoch", "epoch", "checkpoint", "epoch"]
    early, late = said[3]["checkpoint"], said[4]["reports"][0]["checkpoint"]
    assert (early["epoch"], late["epoch"]) == (2, 3)

    shared_trainer.pack(job(3, early["path"]))
    alone = heard(shared_trainer)
    assert [report["epoch"] for message in alone[1:-1] for report in message["reports"]] == [3, 4]
    assert alone[-1]["result"]["epochs"] == 4

    shared_trainer.pack(job(3, early["path"]), job(4, late["path"]))  # of different epochs: in turn
    mixed = heard(shared_trainer)
    epochs = [[(r["run"], r["epoch"]) for r in message["reports"]] for message in mixed if message["say"] == "epoch"]
    assert epochs == [[(0, 3), (1, 4)], [(0, 4)]]
    results = {message["run"]: message["result"] for message in mixed if message["say"] == "result"}
    assert {run: (result["epochs"], result["packed"]) for run, result in results.items()} == {0: (4, 1), 1: (4, 1)}
    assert results[0]["accuracy"] == alone[-1]["result"]["accuracy"]


def test_a_state_that_is_not_one_of_a_run_is_told_of_that_run(shared_trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"nothing of the kind")
    shared_trainer.pack(job(3), job(4, str(tmp_path / "state")))
    (corrupt,) = heard(shared_trainer)
    assert (corrupt["say"], corrupt["run"]) == ("corrupt", 1)


def test_one_that_diverges_leaves_the_job(shared_trainer: Trainer, prepared: list[Message]) -> None:
    assert prepared
    shared_trainer.pack(*(job(seed, learning_rate=1e12, warmup_epochs=0.0) for seed in SEEDS))
    said = heard(shared_trainer)
    assert sorted(message["run"] for message in said if message["say"] == "diverged") == [0, 1]
    assert said[-1]["say"] == "diverged"


@pytest.mark.parametrize(("choice", "on_cpu", "on_gpu"), [("auto", 1, 8), ("off", 1, 1), (4, 4, 4)])
def test_how_many_are_trained_at_once(choice: Any, on_cpu: int, on_gpu: int) -> None:
    assert (seeds_at_once(choice, CPU), seeds_at_once(choice, GPU)) == (on_cpu, on_gpu)
