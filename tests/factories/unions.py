"""Builders of divisions and unions, and a small tree that has everything a scope test needs."""

from __future__ import annotations

from types import SimpleNamespace

import sqlalchemy as sa

from portal import clock
from portal.db import db
from portal.types import new_id
from portal.unions.tree.models import Division, Union, UnionKind, UnionLevel

DIVISIONS = (
    # code, name, parent, level, longitude, latitude
    ("41", "河南省", None, "province", None, None),
    ("4101", "郑州市", "41", "city", None, None),
    ("410105", "金水区", "4101", "county", "113.73200", "34.81939"),
    ("410105002", "花园路街道", "410105", "town", None, None),
    ("410102", "中原区", "4101", "county", "113.54724", "34.78652"),
    ("4103", "洛阳市", "41", "city", None, None),
    ("410302", "老城区", "4103", "county", "112.46902", "34.68364"),
)


def make_division(
    code: str,
    name: str,
    parent_code: str | None = None,
    level: str = "county",
    *,
    statutory: bool = True,
    lng=None,
    lat=None,
) -> Division:
    """One division; answers the one that is there if there is one."""
    found = db.session.get(Division, code)
    if not found:
        found = Division(code=code, name=name, parent_code=parent_code, level=level, statutory=statutory, lng=lng, lat=lat)
        db.session.add(found)
        db.session.commit()
    return found


def make_union(
    code: str | None = None,
    name: str | None = None,
    kind: UnionKind | str = UnionKind.GENERAL_UNION,
    level: UnionLevel | str = UnionLevel.COUNTY,
    parent: Union | None = None,
    second_parent: Union | None = None,
    division_code: str | None = None,
    *,
    commit: bool = True,
    **more,
) -> Union:
    """One union. `commit=False` leaves it to the caller, so that several become one statement."""
    ident = new_id()
    union = Union(
        id=ident,
        code=code or f"T{ident.hex[-10:]}",
        name=name or f"测试总工会{ident.hex[-4:]}",
        kind=UnionKind(kind),
        level=UnionLevel(level),
        parent_id=parent.id if parent else None,
        second_parent_id=second_parent.id if second_parent else None,
        division_code=division_code,
        created_at=more.pop("created_at", clock.now()),
        **more,
    )
    db.session.add(union)
    if commit:
        db.session.commit()
    return union


def small_tree() -> SimpleNamespace:
    """A province with an own and a foreign branch, and the divisions beneath them.

    province › city › county › town, with `federation_city` under the city and `federation_county` under the
    county and (second parent) under `federation_city`; `sibling_county` beside the county; `foreign_city` ›
    `foreign_county`.
    """
    there = set(db.session.scalars(sa.select(Division.code)))
    for code, name, parent, level, lng, lat in DIVISIONS:
        if code not in there:
            db.session.add(Division(code=code, name=name, parent_code=parent, level=level, statutory=True, lng=lng, lat=lat))
    db.session.flush()
    tree = SimpleNamespace()

    def add(label, code, name, level, parent=None, second_parent=None) -> None:
        kind = UnionKind.FEDERATION if code.endswith("-X") else UnionKind.GENERAL_UNION
        division = code.removesuffix("-X")
        parents = [getattr(tree, above) if above else None for above in (parent, second_parent)]
        setattr(tree, label, make_union(code, name, kind, level, *parents, division, commit=False))

    add("province", "41", "河南省总工会", "province")
    add("city", "4101", "郑州市总工会", "city", "province")
    add("county", "410105", "金水区总工会", "county", "city")
    add("town", "410105002", "花园路街道总工会", "town", "county")
    add("federation_city", "4101-X", "郑州市新业态工会联合会", "city", "city")
    add("federation_county", "410105-X", "金水区新业态工会联合会", "county", "county", "federation_city")
    add("sibling_county", "410102", "中原区总工会", "county", "city")
    add("foreign_city", "4103", "洛阳市总工会", "city", "province")
    add("foreign_county", "410302", "老城区总工会", "county", "foreign_city")
    db.session.commit()
    return tree
