"""/v1/weights: files that a search may start from."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from service.api.responses import resources
from service.api.routes.dependencies import ContextDep, Reader
from service.library.weights import weights_of

router = APIRouter(prefix="/v1/weights", tags=["what there is"])


@router.get("", responses={200: {"model": resources.WeightsListOut}})
def listing(context: ContextDep, _caller: Reader) -> JSONResponse:
    """The weights that were registered with `effscale weights add` in this service's data directory."""
    items = [info.document() for info in weights_of(context.settings.data_dir).list()]
    return JSONResponse({"items": items, "next_cursor": None})


@router.get("/{name}", responses={200: {"model": resources.WeightsOut}})
def show(name: str, context: ContextDep, _caller: Reader) -> JSONResponse:
    """One registered file."""
    return JSONResponse(weights_of(context.settings.data_dir).get(name).document())
