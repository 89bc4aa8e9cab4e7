"""The ASGI application, made of a context; nothing exists before it is asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from service.api import findings, problems
from service.api.context import ServiceContext
from service.api.middleware import RequestLimits
from service.api.openapi import Documented
from service.api.responses.resources import ProblemOut
from service.api.routes import catalogue, datasets, events, exports, health, leases, pages, searches, trials, weights
from service.errors import DatabaseUnavailable
from service.version import VERSION

GZIP_BYTES = 1000  # less fits one packet as it is
GZIP_LEVEL = 4  # a page of 100 trials: 115 to 8 kB in 1 ms (measured)
# Checkpoints are arrays of random digits: nothing is gained
AS_IT_IS = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream")
# the same shape for every error of every route
PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ProblemOut}, "5XX": {"model": ProblemOut}}


def create_app(context: ServiceContext) -> FastAPI:
    """The service over HTTP."""
    app = Documented(
        title="effscale",
        version=VERSION,
        summary="EfficientNet scaling search",
        lifespan=_lifespan,
        responses=PROBLEMS,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    app.add_middleware(
        GZipMiddleware, minimum_size=GZIP_BYTES, compresslevel=GZIP_LEVEL, exclude_content_types=AS_IT_IS
    )
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
    """Give the runs of silent workers back, and store what ended searches have shown, again and again."""
    while True:
        try:
            await run_in_threadpool(context.sweep)
            await run_in_threadpool(findings.store_next, context)
        except DatabaseUnavailable as error:
            problems.log.warning("sweep: %s", error)
        except Exception:  # noqa: BLE001 - one failed look must not be the last: workers would never be missed again
            problems.log.exception("sweep failed; it is tried again")
        await asyncio.sleep(context.settings.sweep_seconds)
