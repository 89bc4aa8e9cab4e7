"""/healthz, /readyz, /metrics: for whoever keeps the service running."""

import shutil
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse
from sqlalchemy import text

from service.api.routes.dependencies import ContextDep
from service.errors import ServiceError
from service.store.revision import check_current

router = APIRouter(tags=["health"])
JSON: dict[str, dict[str, Any]] = {"application/json": {}}
LOW_DISK_BYTES = 64 * 1024 * 1024


@router.get("/healthz")
def healthz() -> JSONResponse:
    """The process is alive."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz", responses={503: {"description": "A part is not ready; `checks` says which.", "content": JSON}})
def readyz(context: ContextDep) -> JSONResponse:
    """The database answers, is at this version's migration, and there is room on the disk."""
    checks: dict[str, str] = {}
    try:
        with context.read() as session:
            session.execute(text("SELECT 1"))
        checks["database"] = "ok"
        check_current(context.engine)
        checks["migrations"] = "ok"
    except ServiceError as error:
        checks["migrations" if "database" in checks else "database"] = str(error)
    checks["disk"] = _disk(context.settings.data_dir)
    is_ready = set(checks.values()) == {"ok"}
    return JSONResponse({"status": "ready" if is_ready else "not ready", "checks": checks}, 200 if is_ready else 503)


def _disk(data_dir: Path) -> str:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(data_dir).free
    except OSError as error:
        return f"the data directory cannot be used: {error.strerror}"
    return "ok" if free >= LOW_DISK_BYTES else f"only {free} bytes are free in the data directory"


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(context: ContextDep) -> PlainTextResponse:
    """Prometheus metrics."""
    from service.api.metrics import exposition  # only a scrape needs the client library

    with context.read() as session:
        return PlainTextResponse(exposition(session), media_type="text/plain; version=0.0.4; charset=utf-8")
