"""The OpenAPI document: FastAPI's, with the media type that errors really have."""

from typing import Any

from fastapi import FastAPI

from service.api.problems import MEDIA_TYPE

JSON = "application/json"


class Documented(FastAPI):
    """An application whose document says of errors that they are problem documents (RFC 9457)."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            for operations in document["paths"].values():
                for operation in operations.values():
                    _correct(operation["responses"])
        return self.openapi_schema or {}


def _correct(responses: dict[str, dict[str, Any]]) -> None:
    """FastAPI writes every model down as plain JSON, and knows nothing of what problems travel as."""
    for status, response in responses.items():
        if status in ("4XX", "5XX"):
            response["content"] = {MEDIA_TYPE: response["content"].popitem()[1]}
