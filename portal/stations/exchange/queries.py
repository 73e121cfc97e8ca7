"""Reads about loaded workbooks, and the stations their rows speak of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa

from portal.access import Actor, Permission
from portal.db import db
from portal.stations.exchange.models import StationImport
from portal.stations.register.models import Station
from portal.unions.tree.models import UnionReach
from portal.unions.tree.queries import within


def stations_at(county_codes: Iterable[str], names: Iterable[str]) -> dict[tuple[str, str, str], Station]:
    """The stations of some counties that bear one of some names, by (county code, name, address)."""
    stations = db.session.scalars(
        sa.select(Station)
        .where(Station.county_code.in_(sorted(set(county_codes))), Station.name.in_(sorted(set(names))))
        .order_by(Station.code)
    )
    return {(one.county_code, one.name, one.address): one for one in stations}


def stations_by_code(codes: Iterable[str]) -> dict[str, Station]:
    """Stations by code, of whatever union."""
    stations = db.session.scalars(sa.select(Station).where(Station.code.in_(sorted(set(codes)))))
    return {one.code: one for one in stations}


def ids_within(union_ids: Iterable[UUID], roots: Sequence[UUID]) -> set[UUID]:
    """Which of these unions lie at or beneath ``roots``."""
    reached = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id.in_(roots), UnionReach.union_id.in_(set(union_ids)))
    return set(db.session.scalars(reached))


def get_import(import_id: UUID, actor: Actor, permission: Permission) -> StationImport:
    """One loaded file and what became of it, within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(StationImport).where(StationImport.id == import_id, within(StationImport.union_id, actor, permission))
    ).one()


def list_imports(actor: Actor, permission: Permission, limit: int = 10) -> list[StationImport]:
    """The files that were loaded last, within scope."""
    return list(
        db.session.scalars(
            sa.select(StationImport)
            .where(within(StationImport.union_id, actor, permission))
            .order_by(StationImport.id.desc())
            .limit(limit)
        )
    )
