"""The ASGI application, made of a context; nothing exists before it is asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from service.api import problems
from service.api.context import ServiceContext
from service.api.middleware import RequestLimits
from service.api.responses.resources import ProblemOut
from service.api.routes import catalogue, datasets, events, exports, health, leases, pages, searches, trials, weights
from service.errors import DatabaseUnavailable
from service.version import VERSION

# the same shape for every error of every route
PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ProblemOut}, "5XX": {"model": ProblemOut}}


def create_app(context: ServiceContext) -> FastAPI:
    """The service over HTTP."""
    app = FastAPI(
        title="effscale", version=VERSION, summary="EfficientNet scaling search", lifespan=_lifespan, responses=PROBLEMS
    )
    app.state.context = context
    app.add_middleware(RequestLimits, settings=context.settings)
    problems.install(app)
    for module in (searches, trials, events, exports, catalogue, datasets, weights, leases, health, pages):
        app.include_router(module.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.closing = asyncio.Event()
    sweeper = asyncio.create_task(_sweep(app.state.context))
    yield
    app.state.closing.set()
    sweeper.cancel()
    app.state.context.engine.dispose()


async def _sweep(context: ServiceContext) -> None:
    """Give the runs of silent workers back, for as long as the service runs."""
    while True:
        try:
            await run_in_threadpool(context.sweep)
        except DatabaseUnavailable as error:
            problems.log.warning("sweep: %s", error)
        except Exception:  # noqa: BLE001 - one failed look must not be the last: workers would never be missed again
            problems.log.exception("sweep failed; it is tried again")
        await asyncio.sleep(context.settings.sweep_seconds)
