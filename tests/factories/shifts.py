"""Builders of paired screens, PINs and people who are signed in at a counter."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

from portal import clock
from portal.crypto import token_digest
from portal.db import db
from portal.desk.shifts.models import Shift, StationDevice
from portal.sessions import LIFETIMES, Session, cookie_name
from portal.stations.register.models import Station
from portal.types import new_id
from portal.unions.staff.models import Account
from tests.factories.staff import CHEAP

PIN = "408316"


def give_pin(account: Account, pin: str = PIN) -> Account:
    """A PIN, as the person would have set it."""
    account.pin_hash, account.pin_set_at = CHEAP.hash(pin), clock.now()
    db.session.commit()
    return account


def make_device(station: Station, keeper: Account, *, name: str = "门口平板", client=None) -> StationDevice:
    """A paired screen; `.token` is what its cookie holds, and ``client`` becomes that screen."""
    token = secrets.token_urlsafe(32)
    device = StationDevice(
        id=new_id(),
        station_id=station.id,
        name=name,
        token_digest=token_digest(token),
        paired_at=clock.now(),
        paired_by=keeper.id,
    )
    db.session.add(device)
    db.session.commit()
    device.token = token
    if client is not None:
        client.set_cookie(cookie_name("device"), token)
    return device


def make_shift(device: StationDevice, account: Account, *, began_at: datetime | None = None, **values) -> Shift:
    """A shift on a screen, running unless ``ended_at`` is given."""
    shift = Shift(
        id=new_id(), station_id=device.station_id, device_id=device.id, account_id=account.id,
        began_at=began_at or clock.now(), **({"forgotten": False, "left": []} | values),
    )  # fmt: skip
    db.session.add(shift)
    db.session.commit()
    return shift


def stand_at(client, device: StationDevice, account: Account) -> UUID:
    """Sign in on a screen without its pages: the session's row and both cookies; answers the session's id."""
    token, moment = f"device.{secrets.token_urlsafe(32)}", clock.now()
    row = Session(
        id=new_id(), token_digest=token_digest(token), actor_kind="staff", actor_id=account.id, device_id=device.id,
        created_at=moment, seen_at=moment, expires_at=moment + LIFETIMES["device"].absolute,
    )  # fmt: skip
    ident = row.id
    db.session.add(row)
    db.session.commit()
    client.set_cookie(cookie_name("session"), token)
    client.set_cookie(cookie_name("device"), device.token)
    return ident
