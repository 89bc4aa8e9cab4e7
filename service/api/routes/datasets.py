"""/v1/datasets: what can be trained on. Manifests and finished pictures only: no image is decoded here."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from models.data.registry import Registry
from service.api.context import ServiceContext
from service.api.routes.dependencies import ContextDep, Reader
from service.errors import NotFound
from service.library.datasets import registry_of

router = APIRouter(prefix="/v1/datasets", tags=["what there is"])


@router.get("")
def datasets(context: ContextDep, _caller: Reader) -> JSONResponse:
    """The data sets that can be trained on, built in and registered."""
    return JSONResponse({"items": [info.document() for info in _registry(context).all()], "next_cursor": None})


@router.get("/{name}")
def dataset(name: str, context: ContextDep, _caller: Reader) -> JSONResponse:
    """One data set: classes with their counts, mean and deviation (pixels 0 to 255), problems and their policies."""
    return JSONResponse(_registry(context).details(name))


@router.get("/{name}/thumbnails", responses={200: {"content": {"image/png": {}}}}, response_class=Response)
def thumbnails(name: str, context: ContextDep, _caller: Reader) -> Response:
    """Examples as one PNG: a row a class, laid out as `thumbnails` of the data set says."""
    path = _registry(context).thumbnails(name)
    if not path.is_file():
        raise NotFound(f"{name} has no thumbnails")
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(path.read_bytes(), media_type="image/png", headers=headers)


def _registry(context: ServiceContext) -> Registry:
    return registry_of(context.settings.data_dir)
