"""Entity tags: an unchanged poll is answered before any work is done (RFC 9110, sections 8.8.3 and 13.1.2)."""

import hashlib

from fastapi import Response

from service.version import VERSION


def etag(*parts: object) -> str:
    """The weak tag of what these determine; another version of this service may write it down in another shape.

    >>> etag("search", 7) == etag("search", 7) != etag("search", 8)
    True
    """
    return f'W/"{hashlib.sha256(repr((VERSION, parts)).encode()).hexdigest()[:20]}"'


def unchanged(tag: str, if_none_match: str | None) -> Response | None:
    """304 for a client that has the answer with this tag; None for others.

    >>> unchanged(etag(1), f"{etag(0)}, {etag(1)}").status_code
    304
    """
    if if_none_match is None or tag not in (known.strip() for known in if_none_match.split(",")):
        return None
    return Response(status_code=304, headers={"ETag": tag})
