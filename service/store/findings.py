"""Rows of what ended searches have shown."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.store.searches import TERMINAL
from service.store.tables import FindingsRow, SearchRow


def get(session: Session, search: SearchRow) -> FindingsRow | None:
    """What was stored of a search; None before, and when the search has changed since."""
    row = session.get(FindingsRow, search.id)
    return row if row is not None and row.version == search.version else None


def put(session: Session, search: SearchRow, found: Mapping[str, Any]) -> None:
    """Store what a locked search has shown, in place of what was stored before."""
    session.merge(FindingsRow(search_id=search.id, version=search.version, **found))
    session.flush()


def next_without(session: Session) -> str | None:
    """The search that ended last of those of which nothing is stored."""
    statement = select(SearchRow.id).where(
        SearchRow.state.in_(TERMINAL), SearchRow.id.not_in(select(FindingsRow.search_id))
    )
    return session.scalars(statement.order_by(SearchRow.finished_at.desc()).limit(1)).first()
