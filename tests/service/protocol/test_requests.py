"""What a worker sends survives the way through JSON unchanged; a body that says too much or too little is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from service.protocol.requests import EpochMetrics, FinishIn, LeaseIn, ReleaseIn, ReportIn, RunResult

fractions = st.floats(0, 1)
losses = st.floats(allow_nan=False, allow_infinity=False)
seconds = st.floats(0, 1e9)
metrics = st.builds(
    EpochMetrics,
    train_loss=losses,
    train_accuracy=fractions,
    validation_loss=losses,
    validation_accuracy=fractions,
    seconds=seconds,
    images_per_second=seconds,
    compile_seconds=seconds,
)
results = st.builds(
    RunResult,
    accuracy=fractions,
    best_accuracy=fractions,
    best_epoch=st.integers(0, 100),
    train_accuracy=fractions,
    validation_loss=losses,
    epochs=st.integers(0, 100),
    device_seconds=seconds,
)
bodies = st.one_of(
    st.builds(LeaseIn, worker=st.text(min_size=1, max_size=200), process=st.text(min_size=1, max_size=80)),
    st.builds(ReportIn, lease_epoch=st.integers(0, 2**31 - 1), epoch=st.integers(1, 10_000), metrics=metrics),
    st.builds(FinishIn, lease_epoch=st.integers(0, 9), outcome=st.just("completed"), result=results),
    st.builds(ReleaseIn, lease_epoch=st.integers(0, 9), reason=st.sampled_from(["drain", "crashed", "error"])),
)


@given(body=bodies)
def test_a_body_is_read_back_as_it_was_written(body: BaseModel) -> None:
    assert type(body).model_validate_json(body.model_dump_json()) == body


@given(body=bodies)
def test_no_body_takes_a_field_that_is_not_declared(body: BaseModel) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(body).model_validate({**body.model_dump(), "unknown": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.5", None])
def test_a_loss_is_a_finite_number(value: Any) -> None:
    whole = {"train_accuracy": 0.5, "validation_loss": 1.0, "validation_accuracy": 0.5, "seconds": 1.0}
    with pytest.raises(ValidationError):
        EpochMetrics.model_validate({**whole, "images_per_second": 1.0, "train_loss": value})
    assert EpochMetrics.model_validate({**whole, "images_per_second": 1.0, "train_loss": 0.5}).train_loss == 0.5


def test_epoch_and_metrics_come_together() -> None:
    with pytest.raises(ValidationError, match="together"):
        ReportIn.model_validate({"lease_epoch": 1, "epoch": 2})
    assert ReportIn.model_validate({"lease_epoch": 1}).metrics is None
