"""Reads about coverage: the counties within scope, counted."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.access import Actor, Permission
from portal.db import db
from portal.stations.coverage.rules import Row
from portal.stations.finding.queries import always_open, open_at
from portal.stations.register.models import SERVING_STATUSES, Station, StationKind
from portal.unions.tree.models import Division, Union
from portal.unions.tree.queries import within


def list_counties(actor: Actor, permission: Permission, at: datetime, kind: StationKind | None = None) -> list[Row]:
    """Every county within scope with its numbers, by code: those of the unions in it, and those where their stations stand."""
    city = aliased(Division)
    mine = Union.closed_at.is_(None), within(Union.id, actor, permission)
    of_union = sa.exists().where(Union.division_code == Division.code, *mine)
    of_station = sa.exists().where(Station.county_code == Division.code, within(Station.union_id, actor, permission))
    city_name = sa.case((city.statutory, city.name), else_=Division.name)
    counties = db.session.execute(
        sa.select(Division.code, Division.name, city_name, Division.lat, Division.lng)
        .outerjoin(city, city.code == Division.parent_code)
        .where(Division.level == "county", sa.or_(of_union, of_station))
        .order_by(Division.code)
    ).all()
    counted = _counted(actor, permission, at, kind)
    return [
        Row(code, name, city_of, (float(lat), float(lng)) if lat is not None else None, **counted.get(code, {}))
        for code, name, city_of, lat, lng in counties
    ]


def _counted(actor: Actor, permission: Permission, at: datetime, kind: StationKind | None) -> dict[str, dict]:
    """The numbers by county, from one row for each county and kind."""
    how_many = sa.func.count()
    query = (
        sa.select(
            Station.county_code,
            Station.kind,
            how_many.label("serving"),
            how_many.filter(always_open()).label("all_day"),
            how_many.filter(open_at(at)).label("open_now"),
        )
        .where(Station.status.in_(SERVING_STATUSES), within(Station.union_id, actor, permission))
        .group_by(Station.county_code, Station.kind)
    )
    if kind:
        query = query.where(Station.kind == kind)
    found: dict[str, dict] = {}
    for row in db.session.execute(query):
        known = found.setdefault(row.county_code, {"serving": 0, "all_day": 0, "open_now": 0, "homes": 0, "kinds": {}})
        for name in ("serving", "all_day", "open_now"):
            known[name] += getattr(row, name)
        known["kinds"][row.kind] = row.serving
        if row.kind is StationKind.DRIVERS_HOME:
            known["homes"] = row.serving
    return found
