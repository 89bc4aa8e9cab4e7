"""/v1/searches/{id}/events: what happened, live and resumable."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse

from service.api import documents
from service.api.context import ServiceContext
from service.api.responses import resources
from service.api.routes.dependencies import ContextDep, Reader
from service.errors import BadQuery, ServiceError
from service.store import events as rows
from service.store import searches

router = APIRouter(prefix="/v1/searches/{search_id}", tags=["events"])
BATCH = 500  # events a look
HEARTBEAT_SECONDS = 15.0
LOOK_SECONDS = 1.0  # another API process may have written: wake-ups reach only this one
ENDS = tuple(f"search.{state}" for state in searches.TERMINAL)
MAX_ID = 2**63 - 1
log = logging.getLogger("effscale.api")


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"model": resources.EventsOut, "content": {"text/event-stream": {}}}},
)
async def events(
    search_id: str,
    request: Request,
    context: ContextDep,
    caller: Reader,
    after: Annotated[int | None, Query(ge=0, le=MAX_ID, description="Answer JSON: the events behind this id.")] = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """Server-Sent Events from the beginning or behind `Last-Event-ID`; the same rows as JSON with `after`."""
    if after is not None:
        found, _ = await run_in_threadpool(_read_events, context, search_id, caller.owner, after)
        return JSONResponse({"items": found, "next": found[-1]["id"] if found else after})
    if last_event_id is not None and not (last_event_id.isdecimal() and int(last_event_id) <= MAX_ID):
        raise BadQuery(f"Last-Event-ID must be the id of an event, got {last_event_id!r}")
    start = int(last_event_id or 0)
    await run_in_threadpool(_read_events, context, search_id, caller.owner, start)  # a 404 must come before the stream
    frames = _stream(context, request, search_id, caller.owner, start)
    return StreamingResponse(frames, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _stream(
    context: ServiceContext, request: Request, search_id: str, owner: str, last: int
) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    heard = loop.time()
    while not (await request.is_disconnected() or request.app.state.closing.is_set()):
        seen = context.wakeups.count
        try:
            found, has_ended = await run_in_threadpool(_read_events, context, search_id, owner, last)
        except ServiceError as error:  # deleted, or the database is away: the client comes back and is told
            log.info("an event stream of search %s ends: %s", search_id, error)
            return
        for document in found:
            last = document["id"]
            yield f"id: {last}\nevent: {document['type']}\ndata: {json.dumps(document)}\n\n"
            if document["type"] in ENDS:
                return
        if found:
            heard = loop.time()
            continue
        if has_ended:  # resumed behind the last event: there is nothing to wait for
            return
        if loop.time() - heard >= HEARTBEAT_SECONDS:
            heard = loop.time()
            yield ": still here\n\n"
        await context.wakeups.wait(seen, LOOK_SECONDS)


def _read_events(
    context: ServiceContext, search_id: str, owner: str, after: int
) -> tuple[Sequence[documents.Document], bool]:
    """Events behind an id, and whether the search has ended."""
    with context.read() as session:
        search = searches.get(session, search_id, owner)
        found = [documents.event(row) for row in rows.after(session, search_id, after, BATCH)]
        return found, search.state in searches.TERMINAL
