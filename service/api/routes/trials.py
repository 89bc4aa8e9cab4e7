"""/v1/searches/{id}/trials and /leaderboard."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from service.api import cursors, documents
from service.api.etags import etag, unchanged
from service.api.responses import resources
from service.api.routes.dependencies import NOT_MODIFIED, ContextDep, IfNoneMatch, Reader
from service.core import fronts
from service.errors import BadQuery
from service.store import leaderboard as board
from service.store import searches, where_filter
from service.store import trials as rows

router = APIRouter(prefix="/v1/searches/{search_id}", tags=["trials"])
TrialState = Literal[
    "queued", "running", "completed", "pruned", "infeasible", "failed", "quarantined", "cancelled", "cached"
]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=500)]
NUMBER = (int, float)


@router.get("/trials", responses={200: {"model": resources.TrialsOut}, 304: NOT_MODIFIED})
def listing(
    search_id: str,
    context: ContextDep,
    caller: Reader,
    state: TrialState | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """All trials of a search in number order."""
    scope = f"trials {search_id} {state}"
    after = -1 if cursor is None else int(cursors.decode(cursor, scope, (int,))[0])
    with context.read() as session:
        search = searches.get(session, search_id, caller.owner)
        tag = etag(scope, search.version, limit, cursor)
        if (same := unchanged(tag, if_none_match)) is not None:
            return same
        page = rows.page(session, search_id, state=state, after=after, limit=limit + 1)
    shown = page[:limit]
    return JSONResponse(
        {
            "items": [documents.trial(row) for row in shown],
            "next_cursor": cursors.encode((shown[-1].number,), scope) if len(page) > limit else None,
        },
        headers={"ETag": tag},
    )


@router.get("/trials/{number}", responses={200: {"model": resources.TrialDetailOut}})
def show(search_id: str, number: int, context: ContextDep, caller: Reader) -> JSONResponse:
    """One trial with its runs, their epochs and attempts."""
    with context.read() as session:
        searches.get(session, search_id, caller.owner)
        if not 0 <= number < 2**31:
            raise BadQuery(f"trial numbers are whole and at least 0, got {number}")
        row = rows.get(session, search_id, number)
        return JSONResponse(documents.trial_detail(row, rows.detail(session, row.id)))


@router.get(
    "/leaderboard",
    responses={
        200: {"model": resources.LeaderboardOut},
        304: NOT_MODIFIED,
    },
)
def leaderboard(
    search_id: str,
    context: ContextDep,
    caller: Reader,
    limit: Limit = 20,
    cursor: Cursor = None,
    sort: Annotated[str | None, Query(max_length=40, description="A column; `-` before it sorts downwards.")] = None,
    where: Annotated[
        str | None,
        Query(max_length=500, description="Comparisons joined by `and`: `params < 8e6 and accuracy >= 0.9`."),
    ] = None,
    pareto: Annotated[
        bool,
        Query(description="Only trials that none beats in the search's objectives; with one: in accuracy and MACs."),
    ] = False,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Ranked trials: replicated finalists first, then single runs, then pruned ones, each by accuracy.

    With `sort` the order is that column's alone.
    """
    if sort is not None and sort.removeprefix("-") not in board.SORTABLE:
        raise BadQuery(f"cannot sort by {sort!r}; allowed, each also with '-' before it: {', '.join(board.SORTABLE)}")
    comparisons = () if where is None else where_filter.parse(where, tuple(board.SORTABLE))
    with context.read() as session:
        search = searches.get(session, search_id, caller.owner)
        scope = f"leaderboard {search_id} {comparisons} {pareto} {sort}"
        after = None if cursor is None else _place(cursor, scope)
        tag = etag(scope, search.version, limit, cursor)
        if (same := unchanged(tag, if_none_match)) is not None:
            return same
        selection = board.Selection(search_id, comparisons)
        if pareto:
            key = "front", search_id, search.version, comparisons
            everything, costs = selection, fronts.costs(search)
            selection = context.cache.get(key, lambda: board.on_front(session, everything, costs))
        page = board.page(session, selection, sort=sort, after=after, limit=limit + 1)
        shown = page[:limit]
        first = board.rank_before(session, selection, sort, shown[0]) + 1 if shown and after is not None else 1
        as_of, chosen = documents.timestamp(context.time()), search.chosen
    items = [documents.ranked(row, rank, is_chosen=row.number == chosen) for rank, row in enumerate(shown, first)]
    more = cursors.encode(_values(board.place(shown[-1], sort)), scope) if len(page) > limit else None
    return JSONResponse({"items": items, "next_cursor": more, "as_of": as_of}, headers={"ETag": tag})


def _place(cursor: str, scope: str) -> board.Place:
    return tuple(float(value) for value in cursors.decode(cursor, scope, (NUMBER, NUMBER, NUMBER)))


def _values(place: board.Place) -> tuple[float, ...]:
    return tuple(0.0 if value is None else value for value in place)
