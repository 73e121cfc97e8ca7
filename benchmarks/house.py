"""A house of its own for one measurement: instance folder, database, a few rows. All of it goes when the run ends."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from flask import session
from flask_migrate import upgrade
from flask_wtf.csrf import generate_csrf

from portal import clock, create_app, postgres
from portal.access import By, Role
from portal.config import Settings
from portal.crypto import token_digest
from portal.db import db, one_statement
from portal.members.workers.models import Worker
from portal.sessions import LIFETIMES, Session
from portal.stations.register.models import Station, StationGrade, StationKind, StationStatus, StationTier
from portal.stations.visits.commands import log_visit
from portal.types import new_id
from portal.unions.staff.models import Account, Appointment
from portal.unions.tree.models import Division, Union, UnionKind, UnionLevel
from portal.vocabulary import BasicService, Occupation

COUNTIES = (
    ("410102", "中原区"), ("410103", "二七区"), ("410104", "管城回族区"), ("410105", "金水区"), ("410106", "上街区"),
    ("410108", "惠济区"), ("410122", "中牟县"), ("410181", "巩义市"), ("410182", "荥阳市"), ("410183", "新密市"),
    ("410184", "新郑市"), ("410185", "登封市"), ("410202", "龙亭区"), ("410203", "顺河回族区"), ("410204", "鼓楼区"),
    ("410205", "禹王台区"), ("410212", "祥符区"), ("410302", "老城区"), ("410303", "西工区"), ("410304", "瀍河回族区"),
)  # fmt: skip


@dataclass
class House:
    """A portal with an operator who may serve at every station."""

    instance: Path
    url: str
    stations: list[str] = field(default_factory=list)
    workers: list[UUID] = field(default_factory=list)
    account_id: UUID | None = None
    session_cookie: str = ""
    page_cookie: str = ""
    csrf_token: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a server needs to know of this house."""
        return {"PORTAL_INSTANCE": str(self.instance), "DATABASE_URL": self.url}


@contextmanager
def open_house(*, stations: int = 40, workers: int = 2000, visits: int = 4000) -> Iterator[House]:
    """Make a database in a temporary folder, migrate it, and put the least rows in that the desk needs.

    Yesterday's ``visits`` are among them: on empty tables the server would plan to read them whole, and keep to it.
    """
    with tempfile.TemporaryDirectory(prefix="portal-benchmark-") as folder:
        settings = Settings(instance=Path(folder), database_url=None)
        house = House(settings.instance, postgres.ensure(settings))
        app = create_app(settings, database_url=house.url)
        with app.app_context():
            upgrade()
            union_ids = _plant_tree()
            house.stations = _build_stations(union_ids, stations)
            house.workers = _meet_workers(workers)
            house.account_id, house.session_cookie = _appoint_operator(union_ids[0])
            db.session.commit()
            _remember_yesterday(house, union_ids[0], visits)
            one_statement(sa.text("VACUUM ANALYZE"), {})
            db.engine.dispose()
        with app.test_request_context("/"):
            house.csrf_token = generate_csrf()
            house.page_cookie = app.session_interface.get_signing_serializer(app).dumps(dict(session))
        app.extensions["portal.autocommit"].dispose()
        yield house


def _plant_tree() -> list[UUID]:
    """A province, a city and its counties; answers the unions' ids, the province first."""
    db.session.add(Division(code="41", name="河南省", level="province", statutory=True))
    db.session.flush()
    db.session.add(Division(code="4101", name="郑州市", parent_code="41", level="city", statutory=True))
    db.session.flush()
    ids: list[UUID] = []

    def add(code: str, name: str, level: UnionLevel, parent: UUID | None) -> UUID:
        union = Union(id=new_id(), code=code, name=f"{name}总工会", kind=UnionKind.GENERAL_UNION, level=level,
                      division_code=code, parent_id=parent, created_at=clock.now())  # fmt: skip
        db.session.add(union)
        db.session.flush()
        ids.append(union.id)
        return union.id

    province = add("41", "河南省", UnionLevel.PROVINCE, None)
    city = add("4101", "郑州市", UnionLevel.CITY, province)
    for code, name in COUNTIES:
        db.session.add(Division(code=code, name=name, parent_code="4101", level="county", statutory=True))
        db.session.flush()
        add(code, name, UnionLevel.COUNTY, city)
    return ids


def _build_stations(union_ids: list[UUID], count: int) -> list[str]:
    """Stations of the counties in turn; answers their codes."""
    codes = []
    for number in range(count):
        county, union_id = COUNTIES[number % len(COUNTIES)][0], union_ids[2:][number % len(COUNTIES)]
        codes.append(f"{county}-{number:04}")
        db.session.add(
            Station(
                code=codes[-1], name=f"花园路{number}号驿站", kind=StationKind.UNION_STATION, tier=StationTier.STATION,
                grade=StationGrade.BASIC, status=StationStatus.OPEN, union_id=union_id, county_code=county,
                address=f"花园路{number}号", is_demo=True, created_at=clock.now(),
                services=[service.value for service in list(BasicService)[:6]],
            )
        )  # fmt: skip
    return codes


def _meet_workers(count: int) -> list[UUID]:
    ids = [new_id() for _ in range(count)]
    occupations = list(Occupation)
    db.session.execute(
        sa.insert(Worker),
        [
            {"id": ident, "name": "李志强", "occupation": occupations[number % len(occupations)],
             "is_new_form_worker": False, "is_migrant_worker": False, "created_at": clock.now()}
            for number, ident in enumerate(ids)
        ],
    )  # fmt: skip
    return ids


def _remember_yesterday(house: House, union_id: UUID, count: int) -> None:
    by = By("staff", house.account_id)
    with clock.stopped_at(clock.now() - timedelta(days=1)):
        for number in range(count):
            log_visit(
                station_code=house.stations[number % len(house.stations)], service=BasicService.DRINKING_WATER,
                worker_id=house.workers[number % len(house.workers)], occupation=Occupation.OTHER,
                key=f"yesterday {number}", unions=(union_id,), by=by,
            )  # fmt: skip


def _appoint_operator(union_id: UUID) -> tuple[UUID, str]:
    """An operator of the province, signed in; answers the account and the session's cookie."""
    moment, token = clock.now(), f"staff.{secrets.token_urlsafe(32)}"
    account = Account(id=new_id(), sign_in_name="operator", name="陈小红", totp_last_step=0, created_at=moment)
    db.session.add(account)
    db.session.flush()
    db.session.add(
        Appointment(account_id=account.id, union_id=union_id, role=Role.OPERATOR, created_at=moment,
                    starts_on=clock.today() - timedelta(days=1))
    )  # fmt: skip
    db.session.add(
        Session(token_digest=token_digest(token), actor_kind="staff", actor_id=account.id, created_at=moment,
                seen_at=moment, expires_at=moment + LIFETIMES["staff"].absolute)
    )  # fmt: skip
    return account.id, token
