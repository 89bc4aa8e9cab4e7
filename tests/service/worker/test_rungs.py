"""A trial that waits at a rung, trained by a real trainer."""

from pathlib import Path

from service.api.context import build_context
from service.settings import Settings
from service.store.tables import Table
from tests.service.conftest import Message, Trainer, tiny_job
from tests.service.fleet import Fleet

MEASURED = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def heard(trainer: Trainer, answers: list[str]) -> list[Message]:
    """So many epochs, each answered; without their times."""
    epochs = [trainer.epochs(1, answer)[0] for answer in answers]
    return [{name: {**epoch, **epoch["metrics"]}[name] for name in MEASURED} for epoch in epochs]


def test_a_trial_that_waited_at_a_rung_ends_as_if_it_had_not(tmp_path: Path, shared_trainer: Trainer) -> None:
    shared_trainer.train(tiny_job())
    shared_trainer.hear("started")
    isolated = heard(shared_trainer, ["continue"] * 4)
    expected = shared_trainer.hear("result")["result"]
    shared_trainer.hear("idle")

    context = build_context(Settings(data_dir=tmp_path, lease_seconds=600))
    Table.metadata.create_all(context.engine)
    fleet = Fleet(context)
    pruner = {"name": "asha", "min_epochs": 2, "reduction_factor": 4}
    search = fleet.submit(pruner=pruner, recipe={"epochs": 4, "batch_size": 128})
    first, lease, *others = [fleet.must_lease(f"w{number}") for number in range(4)]
    told = [fleet.report(lease, each["epoch"], each["validation_accuracy"]) for each in isolated[:2]]
    assert told == ["continue", "drain"]
    shared_trainer.train(tiny_job())
    shared_trainer.hear("started")
    before = heard(shared_trainer, told)
    saved = shared_trainer.hear("checkpoint")["checkpoint"]
    shared_trainer.hear("idle")
    assert fleet.release(lease, "drain", "awaiting-rung") == "paused"
    for other in (first, *others):
        fleet.report(other, 2, 0.0)
    again = fleet.must_lease("w4")
    assert again.number == lease.number
    shared_trainer.train(tiny_job(), checkpoint=saved["path"])
    shared_trainer.hear("started")
    after = heard(shared_trainer, [fleet.report(again, 3, 0.5), fleet.report(again, 4, 0.5)])
    result = shared_trainer.hear("result")["result"]
    shared_trainer.hear("idle")
    assert fleet.finish(again, result["accuracy"], epochs=result["epochs"]) == "completed"
    assert before + after == isolated
    assert (result["accuracy"], result["epochs"]) == (expected["accuracy"], 4)
    assert [run.state for run in fleet.runs(search)] == ["running", "completed", "running", "running"]
    context.engine.dispose()
