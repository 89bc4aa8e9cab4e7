"""Rows of events. Written only while the search is locked, so their ids grow in the order of commits."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.store.tables import EventRow


def add(session: Session, search_id: str, kind: str, now: float, **data: Any) -> None:
    """Note that something happened to a search."""
    session.add(EventRow(search_id=search_id, type=kind, at=now, data=data))


def after(session: Session, search_id: str, event_id: int, limit: int) -> Sequence[EventRow]:
    """Events of a search behind an id, oldest first."""
    statement = select(EventRow).where(EventRow.search_id == search_id, EventRow.id > event_id)
    return session.scalars(statement.order_by(EventRow.id).limit(limit)).all()


def last_id(session: Session, search_id: str) -> int:
    """The newest event's id, 0 when there is none."""
    statement = select(func.max(EventRow.id)).where(EventRow.search_id == search_id)
    return session.execute(statement).scalar_one() or 0
