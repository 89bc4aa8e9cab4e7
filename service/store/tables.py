"""The record: every table. Names carry a prefix, so that an Optuna schema can share the database.

Times are seconds since 1970 (UTC), as floats: the same on SQLite and PostgreSQL.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    column,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PREFIX = "effscale_"
Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys by itself


class Table(DeclarativeBase):
    """Base of all tables; its metadata is what the migrations must arrive at."""


# What a trial is ranked by, and for one without less than any; the column is named as in both databases
SCORE_OR_LESS = func.coalesce(column("score", Float), literal_column("-1.0", Float))


def _search_key(**options: Any) -> Mapped[str]:
    return mapped_column(String(40), ForeignKey(f"{PREFIX}searches.id", ondelete="CASCADE"), **options)


class SearchRow(Table):
    """One submitted search. `proposed`, `active` and `waiting` are counters kept under this row's lock."""

    __tablename__ = f"{PREFIX}searches"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(80))
    message: Mapped[str | None] = mapped_column(Text)
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)
    priority: Mapped[int] = mapped_column(Integer)
    parallelism: Mapped[int] = mapped_column(Integer)
    chosen: Mapped[int | None] = mapped_column(Integer)  # number of the trial that it names at its end
    planned: Mapped[int] = mapped_column(Integer)  # trials that will be proposed at most
    proposed: Mapped[int] = mapped_column(Integer, default=0)  # trials there are
    active: Mapped[int] = mapped_column(Integer, default=0)  # trials that are neither over nor paused
    waiting: Mapped[int] = mapped_column(Integer, default=0)  # runs queued for a lease
    version: Mapped[int] = mapped_column(Integer, default=0)  # grows with every change that a list could show
    device_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    created_at: Mapped[float] = mapped_column(Float)
    started_at: Mapped[float | None] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)

    __table_args__ = (
        Index(f"ix_{PREFIX}searches_owner", "owner", "created_at", "id"),
        Index(f"ix_{PREFIX}searches_claim", "state", "priority", "created_at"),
    )


class TrialRow(Table):
    """One distinct network of a search; an architecture key stands at most once per search."""

    __tablename__ = f"{PREFIX}trials"

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    search_id: Mapped[str] = _search_key()
    number: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(80))
    message: Mapped[str | None] = mapped_column(Text)
    key: Mapped[str] = mapped_column(String(16))
    alpha: Mapped[float] = mapped_column(Float)
    beta: Mapped[float] = mapped_column(Float)
    gamma: Mapped[float] = mapped_column(Float)
    phi: Mapped[float] = mapped_column(Float)
    depths: Mapped[list[int]] = mapped_column(JSON)
    widths: Mapped[list[int]] = mapped_column(JSON)  # stem, stages, head
    resolution: Mapped[int] = mapped_column(Integer)
    dropout: Mapped[float] = mapped_column(Float)  # the rates this network is trained with, all rules settled
    drop_path: Mapped[float] = mapped_column(Float)
    classes: Mapped[int] = mapped_column(Integer)
    params: Mapped[int] = mapped_column(BigInteger)
    macs: Mapped[int] = mapped_column(BigInteger)
    macs_ratio: Mapped[float] = mapped_column(Float)
    activations: Mapped[int] = mapped_column(BigInteger)
    receptive_field: Mapped[int] = mapped_column(Integer)
    reference: Mapped[bool] = mapped_column(Boolean, default=False)
    reference_note: Mapped[str | None] = mapped_column(Text)
    finalist: Mapped[bool] = mapped_column(Boolean, default=False)
    ties: Mapped[bool | None] = mapped_column(Boolean)
    standing: Mapped[int] = mapped_column(Integer, default=3)  # -1 leads, 0 replicated, 1 completed, 2 pruned, 3 rest
    selection: Mapped[str] = mapped_column(String(8))  # the epoch that `accuracy` is of: last or best
    metric: Mapped[str] = mapped_column(String(20), default="accuracy", server_default="accuracy")  # of the spec
    score: Mapped[float | None] = mapped_column(Float)  # its value: what is ranked; the interval is of it
    accuracy: Mapped[float | None] = mapped_column(Float)
    balanced_accuracy: Mapped[float | None] = mapped_column(Float)
    macro_f1: Mapped[float | None] = mapped_column(Float)
    per_class_recall: Mapped[list[float | None] | None] = mapped_column(JSON)
    ci_low: Mapped[float | None] = mapped_column(Float)
    ci_high: Mapped[float | None] = mapped_column(Float)
    seeds: Mapped[int] = mapped_column(Integer, default=0)
    train_accuracy: Mapped[float | None] = mapped_column(Float)
    generalization_gap: Mapped[float | None] = mapped_column(Float)
    last_accuracy: Mapped[float | None] = mapped_column(Float)
    best_accuracy: Mapped[float | None] = mapped_column(Float)
    best_epoch: Mapped[int | None] = mapped_column(Integer)
    test_accuracy: Mapped[float | None] = mapped_column(Float)
    test_score: Mapped[float | None] = mapped_column(Float)
    epochs: Mapped[int] = mapped_column(Integer, default=0)
    stopped_early: Mapped[bool] = mapped_column(Boolean, default=False)
    diagnosis: Mapped[str | None] = mapped_column(String(20))
    diagnosis_rule: Mapped[str | None] = mapped_column(Text)
    device_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    compile_seconds: Mapped[float] = mapped_column(Float, default=0.0)  # these four as in models.compiler.reports
    compiled_ahead_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    programs_compiled: Mapped[int] = mapped_column(Integer, default=0)
    programs_cached: Mapped[int] = mapped_column(Integer, default=0)
    latency_ms: Mapped[float | None] = mapped_column(Float)  # these three as in models.training.measurements
    images_per_second: Mapped[float | None] = mapped_column(Float)
    peak_memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    cached_from: Mapped[str | None] = mapped_column(String(80))  # as in its search run
    created_at: Mapped[float] = mapped_column(Float)
    started_at: Mapped[float | None] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)

    __table_args__ = (
        UniqueConstraint("search_id", "number", name=f"uq_{PREFIX}trials_number"),
        UniqueConstraint("search_id", "key", name=f"uq_{PREFIX}trials_key"),
        # the order of the leaderboard, written as `store.leaderboard` writes it: pages are read from the index
        Index(f"ix_{PREFIX}trials_rank", "search_id", "standing", SCORE_OR_LESS.desc(), "number"),
        # what is counted at every look at a search is read from the index alone
        Index(f"ix_{PREFIX}trials_counts", "search_id", "standing", "state", "diagnosis"),
    )


class RunRow(Table):
    """One training of a trial with one seed: what a lease is given for."""

    __tablename__ = f"{PREFIX}runs"

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    search_id: Mapped[str] = _search_key()
    trial_id: Mapped[int] = mapped_column(Serial, ForeignKey(f"{PREFIX}trials.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)  # of the trial
    seed: Mapped[int] = mapped_column(Integer)
    role: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(80))
    message: Mapped[str | None] = mapped_column(Text)
    lease_id: Mapped[str | None] = mapped_column(String(40), unique=True)
    lease_epoch: Mapped[int] = mapped_column(Integer, default=0)
    worker: Mapped[str | None] = mapped_column(String(200))
    process: Mapped[str | None] = mapped_column(String(80))
    expires_at: Mapped[float | None] = mapped_column(Float)
    attempts: Mapped[int] = mapped_column(Integer, default=0)  # those that count towards quarantine
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    diagnosis: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # label, rule, values
    accuracy: Mapped[float | None] = mapped_column(Float)
    cache_key: Mapped[str | None] = mapped_column(String(64))  # search.results.training_key; None: shares with nobody
    cached_from: Mapped[str | None] = mapped_column(String(80))  # "search id/trial number/seed", which may be gone

    __table_args__ = (
        UniqueConstraint("trial_id", "role", "seed", name=f"uq_{PREFIX}runs_seed"),
        Index(f"ix_{PREFIX}runs_cache", "cache_key", "state"),
        Index(  # whatever the code does: one training of a key at a time
            f"uq_{PREFIX}runs_training",
            "cache_key",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
        Index(f"ix_{PREFIX}runs_claim", "search_id", "state", "number", "seed"),
        Index(f"ix_{PREFIX}runs_counts", "search_id", "role", "state"),
        Index(f"ix_{PREFIX}runs_expiry", "state", "expires_at"),
        Index(f"ix_{PREFIX}runs_worker", "worker", "state"),
    )


class AttemptRow(Table):
    """One lease of a run, by its fencing number."""

    __tablename__ = f"{PREFIX}attempts"

    run_id: Mapped[int] = mapped_column(Serial, ForeignKey(f"{PREFIX}runs.id", ondelete="CASCADE"), primary_key=True)
    lease_epoch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    worker: Mapped[str] = mapped_column(String(200))
    devices: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    versions: Mapped[dict[str, str]] = mapped_column(JSON)
    started_at: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[float | None] = mapped_column(Float)
    outcome: Mapped[str | None] = mapped_column(String(80))
    message: Mapped[str | None] = mapped_column(Text)


class EpochRow(Table):
    """What one epoch of a run measured; a resumed attempt overwrites with equal numbers."""

    __tablename__ = f"{PREFIX}epochs"

    run_id: Mapped[int] = mapped_column(Serial, ForeignKey(f"{PREFIX}runs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    search_id: Mapped[str] = _search_key()
    role: Mapped[str] = mapped_column(String(10))
    lease_epoch: Mapped[int] = mapped_column(Integer)
    validation_accuracy: Mapped[float] = mapped_column(Float)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON)

    __table_args__ = (Index(f"ix_{PREFIX}epochs_rung", "search_id", "role", "epoch"),)


class CheckpointRow(Table):
    """A checkpoint that was received whole; the bytes lie in the data directory under this checksum."""

    __tablename__ = f"{PREFIX}checkpoints"

    run_id: Mapped[int] = mapped_column(Serial, ForeignKey(f"{PREFIX}runs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    search_id: Mapped[str] = _search_key()
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)


class EventRow(Table):
    """What happened to a search; written under its lock, so that ids grow in the order of commits."""

    __tablename__ = f"{PREFIX}events"

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    search_id: Mapped[str] = _search_key()
    type: Mapped[str] = mapped_column(String(40))
    at: Mapped[float] = mapped_column(Float)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)

    __table_args__ = (
        Index(f"ix_{PREFIX}events_search", "search_id", "id"),
        {"sqlite_autoincrement": True},  # an id is never given twice, even after a delete
    )


class FindingsRow(Table):
    """What a search that has ended has shown, computed once: a function of rows that change no more."""

    __tablename__ = f"{PREFIX}findings"

    search_id: Mapped[str] = mapped_column(
        String(40), ForeignKey(f"{PREFIX}searches.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(Integer)  # of the search when this was computed
    statement: Mapped[str | None] = mapped_column(Text)
    conclusion: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    controls: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    importance: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    front: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    transfer: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    config: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # the scaling config; None: no trial was trained


class IdempotencyRow(Table):
    """Which search an Idempotency-Key gave."""

    __tablename__ = f"{PREFIX}idempotency_keys"

    owner: Mapped[str] = mapped_column(String(80), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    search_id: Mapped[str] = _search_key()
    created_at: Mapped[float] = mapped_column(Float)


class ApiKeyRow(Table):
    """An API key; the secret itself is never stored."""

    __tablename__ = f"{PREFIX}api_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    owner: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float | None] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)
