"""Networks that a machine cannot hold: found out before they run."""

from collections.abc import Callable

import pytest

from models.wording import memory_size
from tests.service.conftest import Message, Trainer, tiny_job

pytestmark = pytest.mark.timeout(300)
HUGE = [8, 4096, 4096, 16]  # 17 million weights between two stages


def ends(trainer: Trainer, work: Message) -> list[Message]:
    """What is said of a job until it is over; epochs are answered with `continue`."""
    trainer.train(work)
    said = []
    while (message := trainer.hear_any())["say"] != "idle":
        said.append(message)
        if message["say"] == "epoch":
            trainer.answer({0: "continue"})
    return said


def test_what_does_not_fit_is_told_before_it_runs_and_what_fits_is_trained(
    shared_trainer: Trainer, start_trainer: Callable[..., Trainer]
) -> None:
    work = tiny_job(epochs=1)
    needed = ends(shared_trainer, work)[-1]["result"]["peak_memory_bytes"]
    limited = start_trainer("--memory-limit-bytes", str(needed - 1))

    started, refused = ends(limited, work)  # the compiler tells
    assert (started["say"], refused["say"]) == ("started", "out-of-memory")
    assert refused["message"].startswith(
        f"the program with 128 images a step needs {memory_size(needed)} of memory, and there"
    )

    (refused,) = ends(limited, {**work, "widths": HUGE})  # the estimate does, nothing is compiled
    assert refused["say"] == "out-of-memory"
    assert refused["message"].startswith("training with 128 images a step and device at the very least needs ")
    assert f"and there are {memory_size(needed - 1)}: a smaller batch_size" in refused["message"]

    smaller = ends(limited, tiny_job(epochs=1, optimizer="sgd"))  # one moment less
    assert [message["say"] for message in smaller] == ["started", "epoch", "result"]
    assert smaller[-1]["result"]["peak_memory_bytes"] < needed
