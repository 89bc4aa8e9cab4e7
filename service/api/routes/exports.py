"""/v1/searches/{id}/export and /plots: the answer of a search, in the forms that people use."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Row
from sqlalchemy.orm import Session

from search.errors import UnknownFormat
from search.exports import config
from search.results import leaderboard
from service.api import documents, findings
from service.api.context import ServiceContext
from service.api.etags import etag, unchanged
from service.api.routes.dependencies import NOT_MODIFIED, ContextDep, IfNoneMatch, Reader
from service.store import events
from service.store import searches as search_rows
from service.store import trials as rows
from service.store.tables import SearchRow
from service.web import plots

router = APIRouter(prefix="/v1/searches/{search_id}", tags=["results"])
ALL = 1_000_000  # more than a search can have trials
PLOTTED = 2000  # trials; more points than that no picture shows
DETAILED = 200  # trials whose learning curves are drawn
Plot = Literal["simplex", "pareto", "curves", "history", "parallel", "family"]


@router.get(
    "/export",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in config.MEDIA_TYPES.values()}}, 304: NOT_MODIFIED},
)
def export_search(
    search_id: str,
    context: ContextDep,
    caller: Reader,
    form: Annotated[str, Query(alias="format", max_length=40)] = "json",
    choose: Annotated[
        int | None, Query(ge=0, le=1_000_000, description="Number of another finished trial than the chosen one.")
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The winner, what ties with it and the B0..B7 family (`json`, `yaml`), or all trials as a table (`csv`)."""
    if form not in config.MEDIA_TYPES:
        raise UnknownFormat(f"there is no export format {form!r}; there are: {', '.join(sorted(config.MEDIA_TYPES))}")
    findings.store(context, search_id, caller.owner)
    with context.read() as session:
        search = search_rows.get(session, search_id, caller.owner)
        tag = etag("export", search_id, search.version, form, choose)
        if (same := unchanged(tag, if_none_match)) is not None:
            return same
        if form == "csv":
            everything = rows.page(session, search_id, state=None, after=-1, limit=ALL)
            text = config.trials_csv([documents.trial(row) for row in everything])
        else:
            text = config.export(findings.scaling_config(context, session, search, choose), form)
    name = f"effscale-{search_id}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "ETag": tag}
    return Response(text, media_type=config.MEDIA_TYPES[form], headers=headers)


@router.get("/plots/{name}", responses={304: NOT_MODIFIED})
def plot(
    search_id: str, name: Plot, context: ContextDep, caller: Reader, if_none_match: IfNoneMatch = None
) -> Response:
    """A Plotly figure."""
    findings.store(context, search_id, caller.owner)
    with context.read() as session:
        search = search_rows.get(session, search_id, caller.owner)
        last = events.last_id(session, search_id) if name == "curves" else None  # an epoch changes curves alone
        key = "plot", search_id, search.version, last, name
        tag = etag(key)
        if (same := unchanged(tag, if_none_match)) is not None:
            return same
        body = context.cache.get(key, lambda: _figure(context, session, search, name))
    return Response(body, media_type="application/json", headers={"ETag": tag})


def _figure(context: ServiceContext, session: Session, search: SearchRow, name: Plot) -> bytes:
    """A figure as JSON."""
    if name == "family":
        found = plots.figure(name, (), rows=findings.scaling_config(context, session, search)["family"])
    elif name == "curves":
        drawn = _drawn(session, search, DETAILED)
        details = rows.details(session, [row.id for row in drawn])
        found = plots.figure(name, (), details=[documents.trial_detail(row, details[row.id]) for row in drawn])
    else:
        trials = [documents.trial(row) for row in _drawn(session, search, PLOTTED)]
        found = plots.figure(name, trials, front=findings.of(context, session, search).front)
    return bytes(JSONResponse(found).body)


def _drawn(session: Session, search: SearchRow, most: int) -> Sequence[Row[Any]]:
    """The first trials of a search, but for probes: of another phi, they are not to be compared with."""
    found = rows.page(session, search.id, state=None, after=-1, limit=most)
    return [row for row in found if row.standing < leaderboard.PROBE]
