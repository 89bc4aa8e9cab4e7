"""The shapes of a lease and of the answers to a worker's writes, for the OpenAPI document."""

from typing import Any, Literal

from pydantic import Field

from service.protocol.trial_responses import Response, TrialOut


class UpcomingOut(Response):
    """A network that will probably be trained next in the same search; all else of its job is as in this one."""

    key: str
    depths: list[int]
    widths: list[int] = Field(description="Stem, stages, head.")
    resolution: int = Field(description="Pixels.")
    seeds: int = Field(description="Of it that are queued and would be leased together, to a worker that packs.")


class CompanionOut(Response):
    """The right to train one run. Each has its own fencing number and its own end; every write names one of them."""

    id: str
    lease_epoch: int
    lease_seconds: float
    expires_at: str
    search_id: str
    search_name: str
    trial_number: int
    role: Literal["search", "final", "probe", "control"]
    attempt: int
    job: dict[str, Any]
    trial: TrialOut
    spec: dict[str, Any]
    checkpoints: list[dict[str, Any]]


class LeaseOut(CompanionOut):
    """Work for a worker."""

    upcoming: UpcomingOut | None = Field(description="Null when not asked for, or when nothing new is in sight.")
    companions: list[CompanionOut] = Field(
        description="Further runs of the same trial that differ in their seed alone, for a worker that asked to `pack`."
    )


class CommandOut(Response):
    """How a worker goes on."""

    command: Literal["continue", "stop", "cancel", "drain"]
    reason: str | None
    expires_at: str


class RunStateOut(Response):
    """The state that a run is in now."""

    state: str
