"""What routes ask for: the context, and who is calling."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.api.context import ServiceContext
from service.api.keys import LOCAL, Caller, Scope, authenticate
from service.errors import Unauthorized

bearer = HTTPBearer(auto_error=False, description="An API key (`effs_…`). A service on loopback needs none.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def get_context(request: Request) -> ServiceContext:
    """The context this app was created with."""
    context: ServiceContext = request.app.state.context
    return context


ContextDep = Annotated[ServiceContext, Depends(get_context)]


class Needs:
    """A dependency: the caller, who must have this scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __call__(self, request: Request, context: ContextDep, credentials: Credentials) -> Caller:
        """The caller; `Unauthorized` or `Forbidden` otherwise."""
        if credentials is None:
            if "authorization" in request.headers or not context.settings.is_loopback:
                raise Unauthorized
            return LOCAL
        with context.read() as session:
            caller = authenticate(session, credentials.credentials, context.time())
        caller.require(self.scope)
        return caller


# An unchanged poll is answered with 304
IfNoneMatch = Annotated[str | None, Header(max_length=500)]
NOT_MODIFIED: dict[str, Any] = {"description": "Unchanged since the ETag of If-None-Match."}
Reader = Annotated[Caller, Depends(Needs("read"))]
Submitter = Annotated[Caller, Depends(Needs("submit"))]
Worker = Annotated[Caller, Depends(Needs("worker"))]
