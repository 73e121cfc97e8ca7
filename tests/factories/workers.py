"""Builders of people: a phone that is possible, a document that passes its check, a worker, a worker signed in."""

from __future__ import annotations

import itertools
from datetime import date

from portal import clock
from portal.access import SYSTEM
from portal.db import db
from portal.members.workers import commands
from portal.members.workers.models import Worker
from portal.members.workers.rules import check_digit
from portal.vocabulary import IdType, Occupation
from tests.factories.staff import sign_in_quickly

_counter = itertools.count(1)


def make_phone(number: int | None = None) -> str:
    """A possible mainland mobile number, another one at each call."""
    return f"138{(next(_counter) if number is None else number) % 10**8:08d}"


def make_id_number(*, born: date = date(1990, 5, 17), county: str = "410105", order: int | None = None) -> str:
    """A resident identity number with the right check digit, another one at each call."""
    first = f"{county}{born:%Y%m%d}{(next(_counter) if order is None else order) % 1000:03d}"
    return first + check_digit(first)


def make_worker(
    *,
    occupation: Occupation = Occupation.FOOD_DELIVERY_RIDER,
    phone: str | None = "",
    name: str | None = "李志强",
    id_number: str | None = None,
    id_type: IdType = IdType.RESIDENT_ID,
    confirmed: bool = False,
    card: bool = False,
    another: bool = True,
) -> Worker:
    """A person on record. ``phone=""`` draws a fresh one, ``None`` gives none; ``confirmed`` marks it as answered."""
    phone = make_phone() if phone == "" else phone
    worker = commands.register_worker(occupation=occupation, phone=phone, name=name, another=another, by=SYSTEM)
    if phone and confirmed:
        commands.add_phone(worker=worker, phone=phone, by=SYSTEM, confirmed_at=clock.now())
    if id_number:
        worker.id_type, worker.id_number = id_type, id_number
    if card:
        commands.issue_card(worker=worker, by=SYSTEM)
    db.session.commit()
    return worker


def sign_in_worker(client, worker: Worker) -> None:
    """Sign a worker in without codes: a session row, and its cookie in the test client."""
    sign_in_quickly(client, worker, kind="worker")
