"""The trainer as a process: jobs, answers, ends."""

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.data.problems import policies
from models.data.registration import RegistrationRequest, add
from models.layers.flat_layout import layout
from models.weights import start_weights
from service.library.datasets import datasets_dir
from service.library.weights import weights_of
from service.trainer.channel import ORPHANED
from service.trainer.replicas import Saver
from service.trainer.trainer import headline, out_of_memory
from tests.service.conftest import PATIENCE_SECONDS, TINY, Message, Trainer, tiny_job

pytestmark = pytest.mark.timeout(300)
START = {"weights": "parent", "layout": "effscale", "grow": False}
COUNTS = ("programs_compiled", "programs_cached")
TIMES = {"device_seconds", "compile_seconds", "compiled_ahead_seconds", "images_per_second", "latency_ms", *COUNTS}


def untimed(result: dict[str, float]) -> dict[str, float]:
    """A result without what differs from run to run."""
    return {name: value for name, value in result.items() if name not in TIMES}


def test_a_job_is_told_epoch_by_epoch_and_ends_in_a_result(shared_trainer: Trainer) -> None:
    shared_trainer.train(tiny_job(epochs=2))
    shared_trainer.hear("started")
    epochs = shared_trainer.epochs(2)
    result = shared_trainer.hear("result")["result"]
    shared_trainer.hear("idle")
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert result["epochs"] == 2
    assert result["accuracy"] == epochs[-1]["metrics"]["validation_accuracy"]
    assert result["test_accuracy"] is None
    assert result["latency_ms"] is None
    assert result["images_per_second"] > 0
    assert result["peak_memory_bytes"] > 0


def result_of(trainer: Trainer, work: Message) -> Message:
    """Have a job of one epoch done."""
    trainer.train(work)
    trainer.hear("started")
    trainer.epochs(1)
    result: Message = trainer.hear("result")["result"]
    trainer.hear("idle")
    return result


def test_jobs_that_differ_in_rates_and_seed_compile_one_program_and_another_process_finds_it_on_disk(
    shared_trainer: Trainer, start_trainer: Callable[[], Trainer]
) -> None:
    plain = {**tiny_job(epochs=1, batch_size=120), "seed": 11}  # no other test's program
    others = [
        {**plain, "seed": 12},
        {**plain, "dropout": 0.3, "drop_path": 0.2},
        tiny_job(epochs=1, batch_size=120, learning_rate=0.003, weight_decay=1e-3, dropout=0.2, drop_path=0.1),
        tiny_job(epochs=1, batch_size=120, momentum=0.8, label_smoothing=0.0, ema_decay=0.5, bn_momentum=0.7),
    ]
    counts = [tuple(result_of(shared_trainer, work)[name] for name in COUNTS) for work in (plain, *others)]
    assert counts == [(1, 0), (0, 0), (0, 0), (0, 0), (0, 0)]
    found = result_of(start_trainer(), others[2])
    assert tuple(found[name] for name in COUNTS) == (0, 1)


def test_test_accuracy_and_latency_only_when_asked_for(shared_trainer: Trainer) -> None:
    tested = result_of(shared_trainer, {**tiny_job(epochs=1), "evaluate_test": True})
    timed = result_of(shared_trainer, {**tiny_job(epochs=1), "measure_latency": True})
    assert 0 <= tested["test_accuracy"] <= 1
    assert timed["latency_ms"] > 0
    assert tested["latency_ms"] is timed["test_accuracy"] is None


def test_stop_gives_the_result_so_far(shared_trainer: Trainer) -> None:
    shared_trainer.train(tiny_job())
    shared_trainer.hear("started")
    shared_trainer.epochs(1)
    shared_trainer.epochs(1, answer="stop")
    assert shared_trainer.hear("stopped")["result"]["epochs"] == 2
    shared_trainer.hear("idle")


def test_abandon_ends_without_another_word(shared_trainer: Trainer) -> None:
    shared_trainer.train(tiny_job())
    shared_trainer.hear("started")
    shared_trainer.epochs(1, answer="abandon")
    shared_trainer.hear("idle")


def test_answers_to_an_older_job_are_ignored(shared_trainer: Trainer) -> None:
    shared_trainer.answer({})
    shared_trainer.train(tiny_job(epochs=2))
    shared_trainer.hear("started")
    shared_trainer.hear("epoch")
    shared_trainer.answer({}, shared_trainer.jobs - 1)
    shared_trainer.answer({0: "continue"})
    shared_trainer.epochs(1)
    shared_trainer.hear("result")
    shared_trainer.hear("idle")


def test_drained_in_one_process_and_resumed_in_another_ends_bit_identical(
    shared_trainer: Trainer, start_trainer: Callable[[], Trainer]
) -> None:
    shared_trainer.train(tiny_job())
    shared_trainer.hear("started")
    whole = shared_trainer.epochs(4)
    uninterrupted = shared_trainer.hear("result")["result"]
    shared_trainer.hear("idle")

    shared_trainer.train(tiny_job())
    shared_trainer.hear("started")
    shared_trainer.epochs(1)
    shared_trainer.epochs(1, answer="drain")
    saved = shared_trainer.hear("checkpoint")["checkpoint"]
    shared_trainer.hear("idle")
    assert saved["epoch"] == 2
    assert Path(saved["path"]).stat().st_size == saved["size"]

    other = start_trainer()
    other.train(tiny_job(), checkpoint=saved["path"])
    other.hear("started")
    rest = other.epochs(2)
    resumed = other.hear("result")["result"]
    assert [epoch["epoch"] for epoch in rest] == [3, 4]
    assert untimed(resumed) == untimed(uninterrupted)
    assert rest[-1]["metrics"]["train_loss"] == whole[-1]["metrics"]["train_loss"]


def test_checkpoints_come_with_the_epochs_when_due_but_not_with_the_last(shared_trainer: Trainer) -> None:
    shared_trainer.train(tiny_job(epochs=3), checkpoint_seconds=0.0)
    shared_trainer.hear("started")
    epochs = shared_trainer.epochs(3)
    shared_trainer.hear("result")
    shared_trainer.hear("idle")
    assert [epoch["checkpoint"] and epoch["checkpoint"]["epoch"] for epoch in epochs] == [1, 2, None]


@pytest.mark.parametrize("damage", ["one bit", "truncated", "another training"])
def test_a_corrupt_checkpoint_is_told_and_not_trained_from(
    shared_trainer: Trainer, tmp_path: Path, damage: str
) -> None:
    shared_trainer.train(tiny_job())
    shared_trainer.hear("started")
    shared_trainer.epochs(1, answer="drain")
    data = bytearray(Path(shared_trainer.hear("checkpoint")["checkpoint"]["path"]).read_bytes())
    shared_trainer.hear("idle")
    work = tiny_job()
    if damage == "one bit":
        data[-1] ^= 1
    elif damage == "truncated":
        del data[len(data) // 2 :]
    else:
        work["seed"] += 1
    (tmp_path / "state").write_bytes(data)
    shared_trainer.train(work, checkpoint=str(tmp_path / "state"))
    assert shared_trainer.hear("corrupt")["message"]
    shared_trainer.hear("idle")


def test_divergence_is_an_answer(shared_trainer: Trainer) -> None:
    shared_trainer.train(tiny_job(learning_rate=1e9, warmup_epochs=0.0, optimizer="sgd"))
    shared_trainer.hear("started")
    while (message := shared_trainer._said.get(timeout=PATIENCE_SECONDS))["say"] == "epoch":
        shared_trainer.answer({0: "continue"})
    assert message["say"] == "diverged"
    assert "learning_rate" in message["message"]
    shared_trainer.hear("idle")


def test_a_job_that_cannot_be_done_is_an_error_of_one_line_and_the_next_one_works(shared_trainer: Trainer) -> None:
    shared_trainer.train({**tiny_job(), "widths": [8, 8]})
    message = shared_trainer.hear("error")["message"]
    assert "widths" in message
    assert "\n" not in message
    shared_trainer.hear("idle")
    shared_trainer.train(tiny_job(epochs=1))
    shared_trainer.hear("started")
    shared_trainer.epochs(1)
    shared_trainer.hear("result")
    shared_trainer.hear("idle")


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"dataset": "nothing of the kind"}, "dataset-differs", "nothing of the kind"),
        ({"dataset_hash": "0" * 64}, "dataset-differs", "0000000000000000…: register the same images"),
        ({"start": {**START, "sha256": "0" * 64}}, "start-differs", "the file that the search calls 'parent'"),
    ],
)
def test_what_this_machine_lacks_is_left_to_others(
    shared_trainer: Trainer, change: Message, reason: str, said: str
) -> None:
    shared_trainer.train({**tiny_job(), **change})
    message = shared_trainer.hear("not-here")
    assert message["reason"] == reason
    assert said in message["message"]
    shared_trainer.hear("idle")


def test_a_registered_data_set_is_trained_on_when_its_content_is_that_of_the_search(
    shared_trainer: Trainer, tmp_path: Path
) -> None:
    labels = np.arange(300) % 10
    images = np.random.default_rng(0).integers(0, 256, (300, 12, 12, 3), np.uint8)
    np.savez(tmp_path / "noise.npz", images=images, labels=labels)
    info = add(
        datasets_dir(shared_trainer.data_dir), RegistrationRequest("noise", tmp_path / "noise.npz", policies(()))
    )
    work = {**tiny_job(epochs=1, batch_size=32), "dataset": "noise", "dataset_hash": info["content_hash"]}
    shared_trainer.train(work)
    shared_trainer.hear("started")
    shared_trainer.epochs(1)
    assert shared_trainer.hear("result")["result"]["dataset_hash"] == info["content_hash"]
    shared_trainer.hear("idle")
    shared_trainer.train({**work, "dataset_hash": "1" * 64})
    assert shared_trainer.hear("not-here")["reason"] == "dataset-differs"
    shared_trainer.hear("idle")


def test_a_training_starts_from_registered_weights_and_says_what_it_took(
    shared_trainer: Trainer, tmp_path: Path
) -> None:
    network = TINY.build((1, 1), (8, 8, 16, 16), 16, classes=10)
    places = layout(network)
    start_weights.save(tmp_path / "parent.safetensors", network, places.named(places.initial(9)))
    info = weights_of(shared_trainer.data_dir).add("parent", tmp_path / "parent.safetensors")
    work = {**tiny_job(epochs=1), "start": {**START, "sha256": info.sha256}}
    shared_trainer.train(work)
    shared_trainer.hear("started")
    shared_trainer.epochs(1)
    started = shared_trainer.hear("result")["result"]["started_from"]
    shared_trainer.hear("idle")
    arrays = len(places.weights) + len(places.statistics)
    assert started == {"sha256": info.sha256, "taken": arrays, "grown": 0, "drawn": 0, "warnings": []}

    shared_trainer.train({**work, "widths": [8, 8, 24, 16]})
    assert "24" in shared_trainer.hear("unfit")["message"]
    shared_trainer.hear("idle")

    shared_trainer.train({**work, "widths": [8, 8, 24, 16], "start": {**work["start"], "grow": True}})
    shared_trainer.hear("started")
    shared_trainer.epochs(1)
    grown = shared_trainer.hear("result")["result"]["started_from"]
    shared_trainer.hear("idle")
    assert grown["grown"] > 0
    assert grown["taken"] + grown["grown"] + grown["drawn"] == arrays


def test_a_training_that_runs_out_of_patience_says_which_epoch_was_its_last(shared_trainer: Trainer) -> None:
    shared_trainer.train(tiny_job(epochs=9, patience=1, patience_delta=0.9))
    shared_trainer.hear("started")
    epochs = shared_trainer.epochs(2)
    result = shared_trainer.hear("result")["result"]
    shared_trainer.hear("idle")
    assert [epoch["last"] for epoch in epochs] == [False, True]
    assert (result["epochs"], result["stopped_early"]) == (2, True)
    assert result["last_accuracy"] == epochs[-1]["metrics"]["validation_accuracy"]


def test_it_ends_when_its_worker_is_gone_even_in_the_middle_of_a_job(start_trainer: Callable[[], Trainer]) -> None:
    trainer = start_trainer()
    trainer.train(tiny_job(epochs=1000))
    trainer.hear("started")
    assert trainer.process.stdin is not None
    trainer.process.stdin.close()
    assert trainer.process.wait(PATIENCE_SECONDS) == ORPHANED


def test_signals_of_the_terminal_are_left_to_the_worker(start_trainer: Callable[[], Trainer]) -> None:
    trainer = start_trainer()
    for number in (signal.SIGINT, signal.SIGTERM):
        trainer.process.send_signal(number)
    trainer.train(tiny_job(epochs=1))
    trainer.hear("started")
    trainer.epochs(1)
    trainer.hear("result")


def test_what_counts_as_out_of_memory() -> None:
    assert out_of_memory(MemoryError())
    assert out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes"))
    assert not out_of_memory(RuntimeError("INTERNAL: something else"))


def test_a_headline_is_one_line() -> None:
    assert headline(ValueError("first\nsecond")) == "ValueError: first"
    assert headline(KeyError()) == "KeyError"


def test_a_checkpoint_is_due_so_long_after_the_last(tmp_path: Path) -> None:
    class Fake:
        """A training with nothing in it."""

        seed = 0

        def checkpoint(self) -> bytes:
            """Three bytes."""
            return b"abc"

    now = 100.0
    saver = Saver(tmp_path, 5.0, clock=lambda: now)
    now = 104.9
    assert not saver.due()
    now = 105.0
    assert saver.due()
    saved = saver.save(Fake(), 7)  # type: ignore[arg-type]
    assert saved["size"] == 3
    assert not saver.due()
