"""API keys: 256 random bits, shown once, stored as SHA-256; each has an owner, scopes and perhaps an end."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from service.errors import Forbidden, NotFound, Unauthorized
from service.store.tables import ApiKeyRow

Scope = Literal["read", "submit", "worker", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
LOCAL_OWNER = "local"  # whoever uses a loopback service without a key
MARK = "effs_"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and what they may do."""

    owner: str
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """`Forbidden` unless the caller has the scope; admin has all."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise Forbidden(f"this needs a key with the scope {scope!r}; yours has: {', '.join(sorted(self.scopes))}")


LOCAL = Caller(LOCAL_OWNER, frozenset(SCOPES))


def create_key(
    session: Session, *, owner: str, name: str, scopes: Sequence[Scope], expires_at: float | None, now: float
) -> tuple[ApiKeyRow, str]:
    """A new key and its secret text, which exists nowhere else from now on."""
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    row = ApiKeyRow(
        id=f"k{prefix}",
        prefix=prefix,
        sha256=_digest(secret),
        owner=owner,
        name=name,
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row, f"{MARK}{prefix}_{secret}"


def list_keys(session: Session) -> Sequence[ApiKeyRow]:
    """All keys, oldest first."""
    return session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at, ApiKeyRow.id)).all()


def revoke_key(session: Session, key_id: str, now: float) -> ApiKeyRow:
    """End a key now; repeating is harmless."""
    row = session.get(ApiKeyRow, key_id)
    if row is None:
        raise NotFound(f"there is no API key {key_id!r}")
    row.revoked_at = row.revoked_at or now
    return row


def has_keys(session: Session, now: float) -> bool:
    """Whether any key is valid now."""
    live = or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > now)
    count = select(func.count()).select_from(ApiKeyRow).where(ApiKeyRow.revoked_at.is_(None), live)
    return session.execute(count).scalar_one() > 0


def authenticate(session: Session, text: str, now: float) -> Caller:
    """The caller behind a key's text; one and the same `Unauthorized` whatever is wrong with it."""
    prefix, _, secret = text.removeprefix(MARK).partition("_")
    row = session.scalars(select(ApiKeyRow).where(ApiKeyRow.prefix == prefix)).one_or_none()
    known = row.sha256 if row is not None else "0" * 64
    matches = hmac.compare_digest(known, _digest(secret))  # in any case, so that time tells nothing
    if row is None or not matches or not text.startswith(MARK):
        raise Unauthorized
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise Unauthorized
    return Caller(row.owner, frozenset(row.scopes))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
