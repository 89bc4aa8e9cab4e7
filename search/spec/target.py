"""What a search aims at: a cost relative to the baseline's, counted on the network that is built, or measured."""

import hashlib
from array import array
from functools import cached_property
from itertools import chain
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from models.wording import percent
from search.spec.parts import Document, Enqueued

Metric = Literal["macs", "params", "activations", "weight_bytes", "memory_bytes", "product", "latency_ms"]
LimitMetric = Literal["macs", "params", "activations", "weight_bytes", "memory_bytes", "latency_ms"]
AIMS = ("ratio", "value", "at_most")  # ways to say how much; one of them at a time
METRICS = (
    "`macs` are multiply-adds; `weight_bytes` those of the weights in fp32; `memory_bytes` what training a batch of "
    "`recipe.batch_size` images takes, estimated; "
)
# Five times what a B0 search can choose from: 0.6 MB, where a body may have 1 MiB; each lease reads it, 0.2 s.
MAX_MEASURED = 5000
MAX_COST = 1e18  # of any metric in its own unit; beyond, a float is no whole number any more by far
# What a latency target cannot do without, and where it comes from.
NEEDED = {
    "table": "measured networks {alpha, beta, gamma, latency_ms}, as the csv export of a search with measure_latency "
    "'all' has them (`--latency-table FILE.csv`)",
    "baseline_ms": "the unscaled baseline's own milliseconds for one image, which `effscale train BASELINE --dataset D "
    "--latency` measures",
}
Given = TypeVar("Given", list["MeasuredLatency"] | None, float | None)
Milliseconds = Annotated[float, Field(ge=1e-6, le=1e9)]  # a nanosecond to 12 days: a quotient of two is finite


class MeasuredLatency(Enqueued):
    """A network whose time for one image was measured."""

    latency_ms: Annotated[Milliseconds, Field(description="Of one image, in milliseconds.")]


class Limit(Document):
    """A further ceiling, which every proposed network must keep."""

    metric: Annotated[LimitMetric, Field(description=METRICS + "`latency_ms` is measured: it needs `table`.")]
    at_most: Annotated[float, Field(gt=0, le=MAX_COST, description="In the metric's own unit, this much included.")]
    table: Annotated[
        list[MeasuredLatency] | None,
        Field(
            min_length=1,
            max_length=MAX_MEASURED,
            validate_default=True,
            description="latency_ms: networks that were measured, by coefficients at the search's phi; others are not "
            "proposed.",
        ),
    ] = None

    @field_validator("table")
    @classmethod
    def _of_latency_alone(
        cls, value: list[MeasuredLatency] | None, info: ValidationInfo
    ) -> list[MeasuredLatency] | None:
        metric = info.data.get("metric", "latency_ms" if value else "macs")
        if (metric == "latency_ms") != (value is not None):
            raise ValueError(
                f"belongs to the metric 'latency_ms', and the metric is {metric!r}"
                if value is not None
                else f"the metric 'latency_ms' needs a table: {NEEDED['table']}"
            )
        return value

    @cached_property
    def table_sha256(self) -> str | None:
        """Names the table by its numbers, in hexadecimal digits."""
        return _sha256(self.table)


class Target(Document):
    """What every proposed network must really cost: relative to the unscaled baseline, absolutely, or at most."""

    metric: Annotated[
        Metric,
        Field(
            description=METRICS + "`product` is the paper's nominal (alpha beta^2 gamma^2)^phi; "
            "`latency_ms` is measured: it needs `table` and `baseline_ms`."
        ),
    ] = "macs"
    ratio: Annotated[
        float | None,
        Field(
            gt=0,
            le=100_000,
            description="Cost relative to the baseline at phi = 0: above 1 larger networks, below 1 smaller ones, 1 "
            "the same cost, better balanced; null, with `value` and `at_most` null too, means 2^phi.",
        ),
    ] = None
    tolerance: Annotated[
        float, Field(gt=0, le=1, description="Relative: 0.05 accepts 95 % to 105 % of `ratio` or `value`.")
    ] = 0.05
    value: Annotated[
        float | None,
        Field(gt=0, le=MAX_COST, description="Instead of `ratio`: the cost itself, such as 3e8 multiply-adds."),
    ] = None
    at_most: Annotated[
        float | None,
        Field(
            gt=0,
            le=MAX_COST,
            description="Instead of `ratio`: a ceiling in the metric's own unit. Feasible is what costs between "
            "`at_least_share` of it and it.",
        ),
    ] = None
    at_least_share: Annotated[
        float, Field(gt=0, lt=1, description="`at_most`: the least share of the ceiling that is feasible.")
    ] = 0.8
    table: Annotated[
        list[MeasuredLatency] | None,
        Field(
            min_length=1,
            max_length=MAX_MEASURED,
            validate_default=True,
            description="latency_ms: networks that were measured, by coefficients at the search's phi. Only these are "
            "proposed; several rows of one network count as their median.",
        ),
    ] = None
    baseline_ms: Annotated[
        Milliseconds | None,
        Field(
            validate_default=True,
            description="latency_ms: the unscaled baseline's own time for one image, on the device of the table "
            "(`effscale train BASELINE --dataset D --latency` measures it).",
        ),
    ] = None

    @field_validator("table", "baseline_ms")
    @classmethod
    def _of_latency_alone(cls, value: Given, info: ValidationInfo) -> Given:
        metric = info.data.get("metric", "latency_ms" if value else "macs")  # absent where it is wrong itself
        if metric == "latency_ms" and value is None:
            raise ValueError(f"the metric 'latency_ms' needs target.{info.field_name}: {NEEDED[info.field_name or '']}")
        if metric != "latency_ms" and value is not None:
            raise ValueError(f"is for the metric 'latency_ms' alone, and the metric is {metric!r}: leave it out")
        return value

    @model_validator(mode="after")
    def _one_aim(self) -> "Target":
        given = [name for name in AIMS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are both given: say how much by one of {', '.join(AIMS)}")
        return self

    @property
    def aim(self) -> str:
        """The field that says how much."""
        return next((name for name in AIMS if getattr(self, name) is not None), "ratio")

    @property
    def slack(self) -> tuple[str, str]:
        """The field that says how far a network may be from that, and in words how far."""
        if self.at_most is None:
            return "tolerance", f"within {percent(self.tolerance, 1)}"
        return "at_least_share", f"or down to {percent(self.at_least_share, 1)} of that"

    @cached_property
    def table_sha256(self) -> str | None:
        """Names the table by its numbers, in hexadecimal digits."""
        return _sha256(self.table)


def _sha256(table: list[MeasuredLatency] | None) -> str | None:
    if table is None:
        return None
    rows = ((row.alpha, row.beta, row.gamma, row.latency_ms) for row in table)
    return hashlib.sha256(array("d", chain.from_iterable(rows))).hexdigest()
