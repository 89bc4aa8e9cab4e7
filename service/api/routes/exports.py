"""/v1/searches/{id}/export and /plots: the answer of a search, in the forms that people use."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from search.errors import UnknownFormat
from search.exports import config
from search.results import leaderboard
from search.results.trial_records import FINISHED
from service.api import documents
from service.api.routes.dependencies import ContextDep, Reader
from service.core import fronts, probes, searches
from service.core.conclusions import conclude
from service.core.result_cache import TRAINED_ON
from service.errors import NotFound
from service.store import leaderboard as board
from service.store import searches as search_rows
from service.store import trials as rows
from service.store.tables import RunRow, SearchRow, TrialRow
from service.version import source_revision, versions
from service.web import plots

router = APIRouter(prefix="/v1/searches/{search_id}", tags=["results"])
ALL = 1_000_000  # more than a search can have trials
PLOTTED = 2000  # trials; more points than that no picture shows
DETAILED = 200  # trials whose learning curves are drawn
Plot = Literal["simplex", "pareto", "curves", "history", "parallel", "family"]


@router.get("/export")
def export_search(
    search_id: str,
    context: ContextDep,
    caller: Reader,
    form: Annotated[str, Query(alias="format", max_length=40)] = "json",
) -> Response:
    """The winner, what ties with it and the B0..B7 family (`json`, `yaml`), or all trials as a table (`csv`)."""
    if form not in config.MEDIA_TYPES:
        raise UnknownFormat(f"there is no export format {form!r}; there are: {', '.join(sorted(config.MEDIA_TYPES))}")
    with context.read() as session:
        search = search_rows.get(session, search_id, caller.owner)
        if form == "csv":
            everything = rows.page(session, search_id, state=None, after=-1, limit=ALL)
            text = config.trials_csv([documents.trial(row) for row in everything])
        else:
            text = config.export(_config(session, search), form)
    name = f"effscale-{search_id}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=config.MEDIA_TYPES[form], headers=headers)


@router.get("/plots/{name}")
def plot(search_id: str, name: Plot, context: ContextDep, caller: Reader) -> JSONResponse:
    """A Plotly figure."""
    with context.read() as session:
        search = search_rows.get(session, search_id, caller.owner)
        found = rows.page(session, search_id, state=None, after=-1, limit=PLOTTED)
        found = [row for row in found if row.standing != leaderboard.PROBE]  # of another phi: nothing to compare
        trials = [documents.trial(row) for row in found]
        details = None
        if name == "curves":
            details = [documents.trial_detail(row, *rows.detail(session, row.id)) for row in found[:DETAILED]]
        family = None
        if name == "family":
            family = _config(session, search)["family"]
        front = fronts.document(search, fronts.front(session, search)) if name == "pareto" else None
    return JSONResponse(plots.figure(name, trials, details, family, front))


def _config(session: Session, search: SearchRow) -> dict[str, Any]:
    spec = search_rows.spec_of(search)
    winner = searches.best(session, search.id)
    trained_on = {} if winner is None else _trained_on(session, winner)
    created_at = documents.timestamp(search.finished_at or search.created_at)
    return config.scaling_config(
        spec,
        None if winner is None else documents.trial(winner),
        _ties(session, search),
        front=_front(session, search),
        transfer=probes.document(session, search, spec),
        dataset_hash=_dataset_hash(session, winner),
        test_accuracy=None if winner is None else documents.trial(winner)["test_accuracy"],
        importance=conclude(session, search).importance,
        totals={"trials": search.proposed, "device_seconds": search.device_seconds},
        provenance={
            "versions": versions() | trained_on.get("versions", {}),
            "device": trained_on.get("devices", []),
            "source_revision": source_revision(),
            "created_at": created_at,
        },
    )


def _ties(session: Session, search: SearchRow) -> Sequence[documents.Document] | None:
    finalists = board.page(session, board.Selection(search.id), sort=None, after=None, limit=200)
    replicated = [row for row in finalists if row.standing <= leaderboard.REPLICATED]
    if search.state != "succeeded" or not replicated:
        return None
    return [documents.trial(row) for row in replicated if row.ties]


def _front(session: Session, search: SearchRow) -> documents.Document | None:
    """That of a search with several objectives, with its trials as documents."""
    found = fronts.document(search, fronts.front(session, search))
    if found is not None:
        found["trials"] = [documents.trial(rows.get(session, search.id, number)) for number in found["trials"]]
    return found


def _runs(session: Session, trial: TrialRow) -> list[RunRow]:
    return [run for run in rows.runs_of(session, trial.id) if run.state in FINISHED]


def _dataset_hash(session: Session, trial: TrialRow | None) -> str:
    runs = [] if trial is None else _runs(session, trial)
    hashes = {str((run.result or {}).get("dataset_hash") or "unknown") for run in runs}
    if len(hashes) > 1:
        raise NotFound("the runs of the winner were trained on different contents of the data set")
    return hashes.pop() if hashes else "unknown"


def _trained_on(session: Session, trial: TrialRow) -> dict[str, Any]:
    """Devices and versions of the worker that trained the last run, here or before it was taken over."""
    runs, attempts, _ = rows.detail(session, trial.id)
    completed = [attempt for attempt in attempts if attempt.outcome == "completed"]
    if completed:
        return {"devices": completed[-1].devices, "versions": completed[-1].versions}
    copied = [(run.result or {}).get(TRAINED_ON) for run in runs]
    return next((found for found in reversed(copied) if found), {})
