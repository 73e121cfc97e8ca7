"""Reads about what is to be printed."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from portal.access import Actor, Permission
from portal.db import db
from portal.stations.register.models import Station
from portal.unions.tree.queries import within


def list_stations(codes: Sequence[str], actor: Actor, permission: Permission) -> list[Station]:
    """The stations of these codes within scope, by code; others are left out."""
    here = sa.select(Station).where(Station.code.in_(codes), within(Station.union_id, actor, permission))
    return list(db.session.scalars(here.order_by(Station.code)))
