"""The API as the page sees it, served from a `Simulated` search in memory, with faults to order."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from models.data.registry import DATASETS, Registry
from models.scaling.baselines import BASELINES
from search.planning.plan import plan
from search.spec.spec import SearchSpec
from service.api import problems
from service.api.routes import pages
from service.web import plots
from tests.service.web.simulated import Simulated

LOOK_SECONDS = 0.02
ENDS = ("search.succeeded", "search.failed", "search.cancelled")


@dataclass
class Fake:
    """What the server holds and has been asked. `key`: the API key it wants. `hang_up`: streams end at once."""

    searches: list[Simulated]
    key: str | None = None
    hang_up: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    resumed_from: list[str | None] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    dataset: dict[str, Any] = field(default_factory=dict)  # over what is told of each data set

    def announce(self, kind: str, **data: Any) -> None:
        """Add an event; every open stream sends it."""
        event = {"id": len(self.events) + 1, "type": kind, "at": "2026-01-05T10:10:00.000Z", "data": data}
        self.events.append(event)

    def find(self, search_id: str) -> Simulated | None:
        return next((search for search in self.searches if search.id == search_id), None)


def create(fake: Fake) -> FastAPI:
    """The application over a fake."""
    app = FastAPI()
    problems.install(app)
    app.include_router(pages.router)
    app.dependency_overrides[pages.known_search] = lambda search_id: search_id
    _refuse(app, fake)
    _searches(app, fake)
    _reading(app, fake)
    return app


def _unknown() -> JSONResponse:
    return problems.problem(404, "not-found", "Not found", "There is no such thing, or it is not yours.")


def _refuse(app: FastAPI, fake: Fake) -> None:
    @app.middleware("http")
    async def keys(request: Request, call_next: Any) -> Response:
        wanted = f"Bearer {fake.key}"
        if fake.key and request.url.path.startswith("/v1/") and request.headers.get("Authorization") != wanted:
            return problems.problem(401, "unauthorized", "Unauthorized", "A valid API key is needed.")
        response: Response = await call_next(request)
        return response


def _searches(app: FastAPI, fake: Fake) -> None:
    @app.get("/v1/datasets")
    def datasets() -> dict[str, Any]:
        return {"items": [info.document() for info in DATASETS.values()], "next_cursor": None}

    @app.get("/v1/datasets/{name}")
    def dataset(name: str) -> dict[str, Any]:
        return {**Registry().details(name), **fake.dataset}

    @app.get("/v1/datasets/{name}/thumbnails")
    def thumbnails(name: str) -> FileResponse:
        return FileResponse(Registry().thumbnails(name), media_type="image/png")

    @app.get("/v1/baselines")
    def baselines() -> dict[str, Any]:
        return {"items": [{**found.document(), "cost": {}} for found in BASELINES.values()], "next_cursor": None}

    @app.get("/v1/weights")
    def weights() -> dict[str, Any]:
        return {"items": [{"name": "parent"}], "next_cursor": None}

    @app.post("/v1/plans")
    def planned(spec: SearchSpec) -> dict[str, Any]:
        return plan(spec)

    @app.get("/v1/searches")
    def listing(state: str | None = None, name: str | None = None) -> dict[str, Any]:
        found = [search.document() for search in fake.searches]
        found = [each for each in found if state in (None, each["state"]) and (name or "") in each["name"]]
        return {"items": found, "next_cursor": None}

    @app.post("/v1/searches", status_code=201)
    def submit(spec: SearchSpec, idempotency_key: Annotated[str | None, Header()] = None) -> dict[str, Any]:
        fake.submitted.append({"key": idempotency_key, "spec": spec.document()})
        return fake.searches[0].document()

    @app.get("/v1/searches/{search_id}")
    def show(search_id: str) -> Any:
        found = fake.find(search_id)
        return found.document() if found else _unknown()

    @app.post("/v1/searches/{search_id}/{action}", status_code=202)
    def act(search_id: str, action: str) -> Any:
        found = fake.find(search_id)
        if found is None:
            return _unknown()
        fake.actions.append(action)
        found.state = {"pause": "paused", "resume": "running", "cancel": "cancelled"}[action]
        fake.announce(f"search.{ {'pause': 'paused', 'resume': 'resumed', 'cancel': 'cancelled'}[action] }")
        return found.document()


def _reading(app: FastAPI, fake: Fake) -> None:
    @app.get("/v1/searches/{search_id}/leaderboard")
    def leaderboard(search_id: str, sort: str | None = None, limit: int = 20) -> Any:
        found = fake.find(search_id)
        return _page(found.board(sort), limit) | {"as_of": "2026-01-05T10:10:00Z"} if found else _unknown()

    @app.get("/v1/searches/{search_id}/trials")
    def trials(search_id: str, state: str | None = None, limit: int = 100) -> Any:
        found = fake.find(search_id)
        return (
            _page([each for each in found.trials() if state in (None, each["state"])], limit) if found else _unknown()
        )

    @app.get("/v1/searches/{search_id}/trials/{number}")
    def trial(search_id: str, number: int) -> Any:
        found = fake.find(search_id)
        return found.details[number] if found and number < len(found.details) else _unknown()

    @app.get("/v1/searches/{search_id}/export")
    def export(search_id: str) -> Any:
        found = fake.find(search_id)
        return found.config() if found and found.board() else problems.problem(409, "nothing-finished", "Nothing", "")

    @app.get("/v1/searches/{search_id}/plots/{name}")
    def plot(search_id: str, name: str) -> Any:
        found = fake.find(search_id)
        if found is None:
            return _unknown()
        rows = found.config()["family"] if found.state == "succeeded" else None
        return plots.figure(name, found.trials(), found.details, rows)

    @app.get("/v1/searches/{search_id}/events")
    async def events(search_id: str, request: Request, last_event_id: Annotated[str | None, Header()] = None) -> Any:
        fake.resumed_from.append(last_event_id)
        return StreamingResponse(_frames(fake, request, int(last_event_id or 0)), media_type="text/event-stream")


def _page(rows: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    return {"items": rows[:limit], "next_cursor": "more" if len(rows) > limit else None}


async def _frames(fake: Fake, request: Request, sent: int) -> AsyncIterator[str]:
    yield ": hello\n\n"
    while not (fake.hang_up or await request.is_disconnected()):
        for event in fake.events[sent:]:
            sent = event["id"]
            yield f"id: {sent}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"
            if event["type"] in ENDS:
                return
        await asyncio.sleep(LOOK_SECONDS)  # the fake has no wake-ups
