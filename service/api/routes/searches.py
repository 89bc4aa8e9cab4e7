"""/v1/searches: submit, list, show, pause, resume, cancel, delete."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Header, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from search.planning.plan import plan, prepare
from search.spec.spec import SearchSpec
from service.api import cursors, documents, findings
from service.api.context import ServiceContext
from service.api.etags import etag, unchanged
from service.api.responses import resources
from service.api.responses.plans import PlanOut
from service.api.routes.dependencies import NOT_MODIFIED, ContextDep, IfNoneMatch, Reader, Submitter
from service.api.routes.submission import Spec
from service.api.settlement import settle
from service.core import proposals, searches
from service.errors import Conflict
from service.library.weights import weights_of
from service.store import events, leaderboard, runs
from service.store import searches as rows
from service.store.tables import SearchRow
from service.store.timings import timings

router = APIRouter(prefix="/v1", tags=["searches"])
State = Literal["queued", "running", "paused", "finalizing", "succeeded", "failed", "cancelled"]
CHANGED: dict[int | str, dict[str, Any]] = {202: {"model": resources.SearchOut}}
Change = Callable[[Session, SearchRow, float], None]


@router.post(
    "/searches",
    status_code=201,
    responses={
        200: {"model": resources.SearchOut, "description": "The Idempotency-Key was used before."},
        201: {"model": resources.SearchOut},
    },
)
def submit(
    spec: Spec,
    context: ContextDep,
    caller: Submitter,
    background: BackgroundTasks,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> JSONResponse:
    """Submit a search. When this answers, the search is on disk; with an Idempotency-Key it is there only once."""
    try:
        row, is_new, document = _submit(context, spec, caller.owner, idempotency_key)
    except IntegrityError:  # the same key, in the same moment: by now the other one has been committed
        row, is_new, document = _submit(context, spec, caller.owner, idempotency_key)
    if is_new:
        background.add_task(settle, context, [row.id])
    return JSONResponse(document, 201 if is_new else 200, {"Location": f"/v1/searches/{row.id}"})


@router.post("/plans", status_code=200, responses={200: {"model": PlanOut}})
def preview(spec: Spec, context: ContextDep, caller: Reader) -> JSONResponse:
    """What a search would cost and find, without storing anything. Its time is learned from finished trainings."""
    spec = weights_of(context.settings.data_dir).pin(spec)
    with context.read() as session:
        spec = proposals.resolved(session, spec, caller.owner)
        known = timings(session, caller.owner)
    return JSONResponse(plan(spec, known))


@router.get("/searches", responses={200: {"model": resources.SearchesOut}, 304: NOT_MODIFIED})
def listing(
    context: ContextDep,
    caller: Reader,
    state: State | None = None,
    name: Annotated[str | None, Query(max_length=200, description="A part of the name, in any case.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The caller's searches, newest first, without specification and plan."""
    scope = f"searches {caller.owner} {state} {name}"
    after = None
    if cursor is not None:
        created_at, search_id = cursors.decode(cursor, scope, ((int, float), str))
        after = (float(created_at), str(search_id))
    with context.read() as session:
        page = rows.page(session, caller.owner, state=state, name=name, after=after, limit=limit + 1)
        shown, more = page[:limit], len(page) > limit
        workers = _workers(session, context, shown)
        versions = [(row.id, row.version, row.device_seconds, workers[row.id]) for row in shown]
        tag = etag(scope, versions, more)
        if (same := unchanged(tag, if_none_match)) is not None:
            return same
        items = [documents.summary(document) for document in show_all(session, context, shown)]
    return JSONResponse(
        {
            "items": items,
            "next_cursor": cursors.encode((shown[-1].created_at, shown[-1].id), scope) if more else None,
        },
        headers={"ETag": tag},
    )


@router.get("/searches/{search_id}", responses={200: {"model": resources.SearchOut}, 304: NOT_MODIFIED})
def show(search_id: str, context: ContextDep, caller: Reader, if_none_match: IfNoneMatch = None) -> Response:
    """One search: counters per trial state, progress, best trial so far, estimated time left."""
    findings.store(context, search_id, caller.owner)
    with context.read() as session:
        row = rows.get(session, search_id, caller.owner)
        last_event_id = events.last_id(session, search_id)
        workers = _workers(session, context, [row])[search_id]
        tag = etag("search", search_id, row.version, row.device_seconds, last_event_id, workers)
        if (same := unchanged(tag, if_none_match)) is not None:
            return same
        document = show_all(session, context, [row])[0]
        document |= asdict(findings.of(context, session, row))
        document["last_event_id"] = last_event_id
    return JSONResponse(document, headers={"ETag": tag})


@router.post("/searches/{search_id}/pause", status_code=202, responses=CHANGED)
def pause(search_id: str, context: ContextDep, caller: Submitter) -> JSONResponse:
    """Lease nothing more; running trials save themselves and stop."""
    return _change(context, search_id, caller.owner, searches.pause)


@router.post("/searches/{search_id}/resume", status_code=202, responses=CHANGED)
def resume(search_id: str, context: ContextDep, caller: Submitter, background: BackgroundTasks) -> JSONResponse:
    """Go on after a pause."""
    background.add_task(settle, context, [search_id])
    return _change(context, search_id, caller.owner, searches.resume)


@router.post("/searches/{search_id}/cancel", status_code=202, responses=CHANGED)
def cancel(search_id: str, context: ContextDep, caller: Submitter) -> JSONResponse:
    """End a search. Finished trials keep their results."""
    response = _change(context, search_id, caller.owner, searches.cancel)
    context.artifacts.forget(search_id)  # nothing will be resumed
    return response


@router.delete("/searches/{search_id}", status_code=204)
def delete(search_id: str, context: ContextDep, caller: Submitter) -> Response:
    """Delete a search that has ended, with all that was stored of it."""
    with context.write() as (session, _now):
        row = rows.lock(session, search_id, caller.owner)
        if row.state not in rows.TERMINAL:
            raise Conflict(f"a search that is {row.state} cannot be deleted; cancel it first")
        rows.remove(session, search_id)
    context.artifacts.forget(search_id)
    return Response(status_code=204)


def show_all(session: Session, context: ServiceContext, found: Sequence[SearchRow]) -> list[documents.Document]:
    """The documents of searches, counted in four statements for all of them and one for each that runs."""
    ids = [row.id for row in found]
    (trials, diagnoses), counts = rows.trial_counts(session, ids), rows.run_counts(session, ids)
    best, workers = leaderboard.leaders(session, ids), _workers(session, context, found)
    return [
        documents.search(
            row,
            trials[row.id],
            counts[row.id],
            diagnoses[row.id],
            best.get(row.id),
            runs.seconds_of_a_run(session, row.id) if _is_timed(row, counts[row.id]) else None,
            workers[row.id],
        )
        for row in found
    ]


def _is_timed(row: SearchRow, counts: Mapping[tuple[str, str], int]) -> bool:
    """Whether a search goes on, and runs of it have ended that tell how long the others will take."""
    return row.state in rows.OPEN and any(state == "completed" for _, state in counts)


def _workers(session: Session, context: ServiceContext, found: Sequence[SearchRow]) -> dict[str, int]:
    """How many workers could take a run of each search: those that hold no lease, and those that are on it already."""
    busy = runs.busy_workers(session) if any(row.state in rows.OPEN for row in found) else {}
    free = set(context.idle_workers.names(context.time())).difference(*busy.values())
    return {row.id: len(free | busy.get(row.id, set())) if row.state in rows.OPEN else 0 for row in found}


def _submit(
    context: ServiceContext, spec: SearchSpec, owner: str, key: str | None
) -> tuple[SearchRow, bool, documents.Document]:
    prepare(spec)  # may take seconds, and is kept: not while the database is locked
    with context.write() as (session, now):
        pin = weights_of(context.settings.data_dir).pin
        row, is_new = searches.submit(session, spec, owner, key, now, pin)
        return row, is_new, show_all(session, context, [row])[0]


def _change(context: ServiceContext, search_id: str, owner: str, change: Change) -> JSONResponse:
    with context.write() as (session, now):
        row = rows.lock(session, search_id, owner)
        change(session, row, now)
        session.flush()
        document = show_all(session, context, [row])[0]
    return JSONResponse(document, 202)
