"""/v1/searches/{id}/export and /plots: the answer of a search, in the forms that people use."""

from fastapi import APIRouter

router = APIRouter(prefix="/v1/searches/{search_id}", tags=["exports"])
