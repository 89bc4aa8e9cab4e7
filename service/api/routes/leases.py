"""/v1/leases: the worker protocol. Every write carries the `lease_epoch` it was granted."""

import asyncio
import hashlib
from importlib import import_module
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from search.results import training_key
from search.space import catalogue
from search.spec.spec import SearchSpec
from service.api import documents
from service.api.context import ServiceContext
from service.api.routes.dependencies import ContextDep, Worker
from service.api.settlement import settle
from service.core import compile_hints, leases, probes
from service.errors import BadContent, LeaseLost, NotFound
from service.protocol import lease_responses
from service.protocol.requests import MAX_EPOCHS, FinishIn, LeaseIn, ReleaseIn, ReportIn
from service.store import runs, trained
from service.store import searches as search_rows
from service.store.tables import CheckpointRow, RunRow, SearchRow, TrialRow

router = APIRouter(prefix="/v1/leases", tags=["worker protocol"])
KEPT_CHECKPOINTS = 2  # the newest, and the one before in case it is corrupt
LOOK_SECONDS = 1.0  # leases expire, and other API processes write, without a wake-up in this one
SETTLED_AT_ONCE = 64  # runs that take over a result before a request looks at its deadline: about 20 ms each
LeaseEpoch = Annotated[int, Query(ge=0, lt=2**31)]
Epoch = Annotated[int, Path(ge=1, le=MAX_EPOCHS)]


@router.post(
    "",
    responses={200: {"model": lease_responses.LeaseOut}, 204: {"description": "No work came within `wait_seconds`."}},
)
async def lease(body: LeaseIn, request: Request, context: ContextDep, _caller: Worker) -> Response:
    """Ask for work. The same worker process asking again gets the lease that it holds already, with its companions."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + body.wait_seconds
    context.idle_workers.asked(body.worker, context.time() + body.wait_seconds + context.settings.lease_seconds)
    while True:
        seen = context.wakeups.count
        granted = await run_in_threadpool(_try_lease, context, body)
        if granted is not None:
            return JSONResponse(granted)
        left = deadline - loop.time()
        if left <= 0 or request.app.state.closing.is_set() or await request.is_disconnected():
            return Response(status_code=204)
        await context.wakeups.wait(seen, min(left, LOOK_SECONDS))


@router.post("/{lease_id}/reports", responses={200: {"model": lease_responses.CommandOut}})
def report(lease_id: str, body: ReportIn, context: ContextDep, _caller: Worker) -> JSONResponse:
    """An epoch's metrics, or a sign of life; the answer says whether to go on."""
    with context.write() as (session, now):
        command, reason = leases.report(session, lease_id, body, context.terms, now)
    expires_at = documents.timestamp(now + context.settings.lease_seconds)
    return JSONResponse({"command": command, "reason": reason, "expires_at": expires_at})


@router.post("/{lease_id}/finish", responses={200: {"model": lease_responses.RunStateOut}})
def finish(
    lease_id: str, body: FinishIn, context: ContextDep, _caller: Worker, background: BackgroundTasks
) -> JSONResponse:
    """Record the result, once."""
    with context.write() as (session, now):
        run = leases.finish(session, lease_id, body, now)
        waiting = trained.waiting(session, run) if run.state == "completed" else ()
    context.artifacts.keep(run.search_id, run.id, set())
    if waiting:
        background.add_task(settle, context, waiting)
    return JSONResponse({"state": run.state})


@router.post("/{lease_id}/release", responses={200: {"model": lease_responses.RunStateOut}})
def release(lease_id: str, body: ReleaseIn, context: ContextDep, _caller: Worker) -> JSONResponse:
    """Give the run back unfinished."""
    with context.write() as (session, now):
        run = leases.release(session, lease_id, body, context.terms, now)
        resumes = runs.resumes(session, run.id)
    if not resumes:
        context.artifacts.keep(run.search_id, run.id, set())
    return JSONResponse({"state": run.state})


@router.put("/{lease_id}/checkpoints/{epoch}", status_code=204)
async def save_checkpoint(
    lease_id: str,
    epoch: Epoch,
    request: Request,
    context: ContextDep,
    _caller: Worker,
    lease_epoch: LeaseEpoch,
    x_content_sha256: Annotated[str, Header(pattern="^[0-9a-f]{64}$")],
) -> Response:
    """Store a checkpoint; the last two of a run are kept."""
    data = await request.body()
    await run_in_threadpool(_store, context, lease_id, lease_epoch, epoch, x_content_sha256, data)
    return Response(status_code=204)


@router.get(
    "/{lease_id}/checkpoints/{epoch}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def load_checkpoint(
    lease_id: str, epoch: Epoch, context: ContextDep, _caller: Worker, lease_epoch: LeaseEpoch
) -> Response:
    """The bytes of a checkpoint, to resume from."""
    with context.read() as session:
        run = _held(session, lease_id, lease_epoch)
        row = next((row for row in runs.checkpoints(session, run.id) if row.epoch == epoch), None)
    if row is None:
        raise NotFound(f"this run has no checkpoint of epoch {epoch}")
    data = context.artifacts.get(run.search_id, run.id, row.sha256)
    return Response(data, media_type="application/octet-stream", headers={"X-Content-SHA256": row.sha256})


def _try_lease(context: ServiceContext, ask: LeaseIn) -> documents.Document | None:
    context.sweep()
    with context.read() as session:
        claimable = search_rows.claimable(session)
        is_idle = not claimable and not runs.held_by(session, ask.worker)
        specs = [search_rows.spec_of(search_rows.get(session, search_id, None)) for search_id in claimable[:1]]
    # What a proposal needs may take seconds the first time: it must not while the database is locked
    import_module("search.proposals.study")
    for spec in specs:
        catalogue.of(spec)
    if is_idle:
        return None
    with context.write() as (session, now):
        held = leases.reclaim(session, ask, context.terms, now)
        if held is not None:
            return _lease_document(session, held, context, ask)
    for _ in range(SETTLED_AT_ONCE):
        with context.write() as (session, now):
            run = leases.claim(session, ask, context.terms, now)
            if run is not None and run.state == "running":
                return _lease_document(session, run, context, ask)
        if run is None:
            return None
    return None


def _lease_document(session: Session, run: RunRow, context: ServiceContext, ask: LeaseIn) -> documents.Document:
    search, trial = session.get_one(SearchRow, run.search_id), session.get_one(TrialRow, run.trial_id)
    others = [held for held in runs.held_by(session, ask.worker) if held.id != run.id]
    return {
        **_run_document(session, run, search, trial, context),
        "upcoming": compile_hints.network(session, search, run, ask.programs, ask.pack) if ask.upcoming else None,
        "companions": [_run_document(session, other, search, trial, context) for other in others],
    }


def _run_document(
    session: Session, run: RunRow, search: SearchRow, trial: TrialRow, context: ServiceContext
) -> documents.Document:
    spec = search_rows.spec_of(search)
    return {
        "id": run.lease_id,
        "lease_epoch": run.lease_epoch,
        "lease_seconds": context.settings.lease_seconds,
        "expires_at": documents.timestamp(run.expires_at),
        "search_id": search.id,
        "search_name": search.name,
        "trial_number": run.number,
        "role": run.role,
        "attempt": run.attempts,
        "job": {
            "baseline": spec.network.document(),
            "depths": trial.depths,
            "widths": trial.widths,
            "resolution": trial.resolution,
            "classes": trial.classes,
            "dropout": trial.dropout,
            "drop_path": trial.drop_path,
            "dataset": spec.dataset,
            "dataset_px": _dataset_px(session, run, spec),
            "dataset_hash": spec.data.content_hash or None,
            "start": None if spec.start is None else spec.start.model_dump(mode="json"),
            "recipe": spec.recipe.model_dump(mode="json"),
            "seed": run.seed,
            "metric": spec.metric,
            "evaluate_test": run.role == "final",
            "measure_latency": spec.measures_latency(final=run.role == "final"),
        },
        "trial": documents.trial(trial),
        "spec": search.spec,
        "checkpoints": [
            {"epoch": row.epoch, "sha256": row.sha256, "size": row.size}
            for row in runs.checkpoints(session, run.id)[:KEPT_CHECKPOINTS]
        ],
    }


def _dataset_px(session: Session, run: RunRow, spec: SearchSpec) -> int:
    """What the largest network of the search sees; probes are of other sizes, and alike among themselves."""
    if run.role == "probe":
        return probes.dataset_px(session, run.search_id)
    return training_key.largest_px(spec)


def _held(session: Session, lease_id: str, lease_epoch: int) -> RunRow:
    run = runs.by_lease(session, lease_id)
    if run.lease_epoch != lease_epoch or run.state != "running":
        raise LeaseLost
    return run


def _store(context: ServiceContext, lease_id: str, lease_epoch: int, epoch: int, sha256: str, data: bytes) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadContent(f"the {len(data)} bytes received do not have the SHA-256 that X-Content-SHA256 names")
    with context.read() as session:
        run = _held(session, lease_id, lease_epoch)
    context.artifacts.put(run.search_id, run.id, sha256, data)
    with context.write() as (session, now):
        leases.locked(session, lease_id, lease_epoch)  # the lease must not change hands before the commit
        run = _held(session, lease_id, lease_epoch)
        run.expires_at = now + context.settings.lease_seconds
        row = CheckpointRow(run_id=run.id, epoch=epoch, search_id=run.search_id, sha256=sha256, size=len(data))
        session.merge(row)
        session.flush()
        kept = runs.checkpoints(session, run.id)
        for old in kept[KEPT_CHECKPOINTS:]:
            session.delete(old)
    context.artifacts.keep(run.search_id, run.id, {row.sha256 for row in kept[:KEPT_CHECKPOINTS]})
