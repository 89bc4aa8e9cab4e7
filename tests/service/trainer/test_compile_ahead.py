"""The next program is compiled beside a training: it is waited for no more, and whatever goes wrong harms nothing."""

import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from service.trainer.compile_ahead import CompileAhead
from service.worker.worker import compiles_ahead
from tests.acceptance.stack import Document, stack
from tests.service.conftest import PATIENCE_SECONDS, TINY, Message, Trainer, tiny_job

pytestmark = pytest.mark.timeout(300)
CPU, GPU = [{"platform": "cpu", "kind": "cpu"}], [{"platform": "gpu", "kind": "H100"}]
NEXT: Message = {**tiny_job(epochs=1), "widths": [8, 8, 32, 16]}  # no other test's network


class Workshop:
    """Prepares what it is told when it is let."""

    def __init__(self) -> None:
        self.begun: SimpleQueue[Message] = SimpleQueue()
        self.go = threading.Semaphore(0)

    def prepare(self, order: Message) -> None:
        """Wait to be let."""
        self.begun.put(order)
        assert self.go.acquire(timeout=PATIENCE_SECONDS)
        if order.get("bad"):
            raise ValueError("bad")


def test_the_latest_wish_is_prepared_and_an_error_ends_nothing() -> None:
    shop = Workshop()
    ahead = CompileAhead(shop.prepare)
    ahead.request({"bad": True})
    assert shop.begun.get(timeout=PATIENCE_SECONDS) == {"bad": True}
    ahead.request({"number": 1})
    ahead.request({"number": 2})
    shop.go.release()
    assert shop.begun.get(timeout=PATIENCE_SECONDS) == {"number": 2}
    assert shop.begun.empty()
    shop.go.release()


def test_a_job_forgets_older_wishes_and_those_made_meanwhile_wait_for_its_program() -> None:
    shop = Workshop()
    ahead = CompileAhead(shop.prepare)
    ahead.request({"number": 1})
    shop.begun.get(timeout=PATIENCE_SECONDS)
    ahead.request({"number": 2})
    with ahead.held():
        shop.go.release(2)
        ahead.request({"number": 3})
        assert shop.begun.empty()
    assert shop.begun.get(timeout=PATIENCE_SECONDS) == {"number": 3}
    assert shop.begun.empty()


def test_a_program_is_compiled_beside_a_training_and_the_next_job_hardly_waits(shared_trainer: Trainer) -> None:
    trainer = shared_trainer
    trainer.train(tiny_job(epochs=1000))
    trainer.hear("started")
    trainer.tell(do="prepare", work=NEXT, seeds=1)
    heard = []
    while (message := trainer.hear_any())["say"] != "prepared":
        assert message["say"] == "epoch"
        heard.append(message["reports"][0]["epoch"])
        trainer.answer({0: "continue"})
    assert heard == list(range(1, len(heard) + 1))
    assert heard  # the training went on meanwhile
    trainer.hear("epoch")
    trainer.answer({})
    trainer.hear("idle")
    trainer.train(NEXT)
    trainer.hear("started")
    trainer.epochs(1)
    result = trainer.hear("result")["result"]
    trainer.hear("idle")
    assert result["programs_compiled"] + result["programs_cached"] == 1
    assert result["compiled_ahead_seconds"] > result["compile_seconds"]


def test_what_cannot_be_prepared_harms_nothing(shared_trainer: Trainer) -> None:
    trainer = shared_trainer
    for wrong in ({**NEXT, "widths": [8]}, {**NEXT, "dataset": "nothing of the kind"}):
        trainer.train(tiny_job(epochs=1))
        trainer.hear("started")
        trainer.tell(do="prepare", work=wrong, seeds=1)
        trainer.epochs(1)
        trainer.hear("result")
        trainer.hear("idle")


@pytest.mark.parametrize(
    ("choice", "devices", "cores", "expected"),
    [
        ("auto", CPU, 2, False),
        ("auto", CPU, 4, True),
        ("auto", GPU, 2, True),
        ("on", CPU, 1, True),
        ("off", GPU, 64, False),
    ],
)
def test_when_a_worker_compiles_ahead(choice: str, devices: list[dict[str, str]], cores: int, expected: bool) -> None:
    assert compiles_ahead(choice, devices, cores) is expected  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_search_whose_worker_compiles_ahead_says_so(tmp_path: Path) -> None:
    spec: Document = {
        "dataset": "digits",
        "baseline": TINY.document(),
        "target": {"ratio": 2.0, "tolerance": 0.5},
        "space": {"alpha": [1, 1], "beta": [1, 2], "gamma": [1, 1]},
        "sampler": {"name": "random"},
        "trials": 2,
        "finalists": {"count": 0},
        "pruner": {"name": "none"},
        "recipe": {"epochs": 20, "batch_size": 128},
    }
    with stack(tmp_path, compile_cache=tmp_path / "compiled") as running:
        running.environment["EFFSCALE_COMPILE_AHEAD"] = "on"
        search_id = running.submit(spec)
        running.start_worker("w")
        assert running.finished(search_id)["state"] == "succeeded", running.logs()
        first, second = running.details(search_id)
        assert running.terminate("w") == 0
    assert (first["programs_compiled"], first["compiled_ahead_seconds"]) == (1, 0)
    assert (second["programs_compiled"], second["programs_cached"]) == (1, 0)
    assert second["compiled_ahead_seconds"] > 0
