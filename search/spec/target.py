"""What a search aims at: a cost relative to the baseline's, counted on the network that is built, or measured."""

import hashlib
from array import array
from functools import cached_property
from itertools import chain
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator

from search.spec.parts import Document, Enqueued

Metric = Literal["macs", "params", "activations", "product", "latency_ms"]
# Five times what a B0 search can choose from: 0.6 MB, where a body may have 1 MiB; each lease reads it, 0.2 s.
MAX_MEASURED = 5000
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


class Target(Document):
    """What every proposed network must really cost, relative to the unscaled baseline."""

    metric: Annotated[
        Metric,
        Field(
            description="`macs` are multiply-adds; `product` is the paper's nominal (alpha beta^2 gamma^2)^phi; "
            "`latency_ms` is measured: it needs `table` and `baseline_ms`."
        ),
    ] = "macs"
    ratio: Annotated[
        float | None, Field(gt=0, le=100_000, description="Cost relative to the baseline at phi = 0; null means 2^phi.")
    ] = None
    tolerance: Annotated[float, Field(gt=0, le=1, description="Relative: 0.05 accepts 95 % to 105 % of `ratio`.")] = (
        0.05
    )
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

    @cached_property
    def table_sha256(self) -> str | None:
        """Names the table by its numbers, in hexadecimal digits."""
        if self.table is None:
            return None
        rows = ((row.alpha, row.beta, row.gamma, row.latency_ms) for row in self.table)
        return hashlib.sha256(array("d", chain.from_iterable(rows))).hexdigest()
