"""A merge keeps what the survivor is known to be, fills what is missing, and undoing puts back exactly that."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from portal.access import SYSTEM
from portal.db import db as database
from portal.members.merging import commands
from portal.members.workers.models import Worker
from portal.members.workers.queries import find_phone
from portal.vocabulary import Industry
from tests.factories.workers import make_id_number, make_worker

BORN, SAID = date(1990, 5, 17), date(1985, 1, 1)


def person(document: bool, sex=None, born_on=None) -> Worker:
    worker = make_worker(id_number=make_id_number(born=BORN, order=2) if document else None)
    if not document:
        worker.sex, worker.born_on = sex, born_on
        database.session.commit()
    return worker


def known(worker: Worker) -> tuple:
    stored = database.session.get(Worker, worker.id, populate_existing=True)
    return stored.sex, stored.born_on, stored.born_from_document


@pytest.mark.parametrize(
    ("survivor", "merged", "expected"),
    [
        ((False, None, None), (False, "male", SAID), ("male", SAID, False)),
        ((False, "female", None), (False, "male", SAID), ("female", SAID, False)),
        ((False, None, SAID), (False, "male", None), ("male", SAID, False)),
        ((False, "male", SAID), (False, "female", BORN), ("male", SAID, False)),
        ((False, "male", SAID), (True,), ("female", BORN, True)),
        ((True,), (False, "male", SAID), ("female", BORN, True)),
    ],
)
def test_merging_and_parting(db, survivor, merged, expected):
    one, other = person(*survivor), person(*merged)
    before = known(one), known(other)
    merge = commands.merge(survivor=one, merged=other, keep={}, reason="同一人", by=SYSTEM)
    database.session.commit()
    assert known(one) == expected
    assert commands.undo(merge=merge, by=SYSTEM) == 0
    database.session.commit()
    assert (known(one), known(other)) == before


EARLY, LATE = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2))


@pytest.mark.parametrize(
    ("column", "survivor", "merged", "stays"),
    [
        ("name", None, "李强", "李强"),
        ("name", "李强", "王强", "李强"),
        ("industry", None, Industry.EXPRESS, Industry.EXPRESS),
        ("industry", Industry.EXPRESS, Industry.OTHER, Industry.EXPRESS),
        ("is_migrant_worker", False, True, True),
        ("is_migrant_worker", True, False, True),
        ("never_invite_at", None, EARLY, EARLY),
        ("never_invite_at", LATE, EARLY, EARLY),
        ("never_invite_at", EARLY, LATE, EARLY),
        ("unrecorded_since", None, EARLY, EARLY),
        ("unrecorded_since", LATE, EARLY, LATE),
    ],
)
def test_a_gap_is_filled_and_what_is_known_stays(db, column, survivor, merged, stays):
    """What is empty is taken over, a refusal from whoever said it first; parted, both are as they were."""
    one, other = make_worker(), make_worker()
    setattr(one, column, survivor), setattr(other, column, merged)
    database.session.commit()

    def both():
        return [getattr(database.session.get(Worker, who.id, populate_existing=True), column) for who in (one, other)]

    merge = commands.merge(survivor=one, merged=other, keep={}, reason="同一人", by=SYSTEM)
    database.session.commit()
    assert both() == [stays, merged]
    assert commands.undo(merge=merge, by=SYSTEM) == 0
    database.session.commit()
    assert both() == [survivor, merged]


@pytest.mark.parametrize(
    ("own", "keep", "stays"),
    [(False, {}, "merged"), (True, {}, "survivor"), (True, {"document": "merged"}, "merged")],
)
def test_whose_document_stays(db, own, keep, stays):
    one = make_worker(id_number=make_id_number(order=1) if own else None)
    other = make_worker(id_number=make_id_number(order=2))
    numbers = {"survivor": one.id_number, "merged": other.id_number}
    commands.merge(survivor=one, merged=other, keep=keep, reason="同一人", by=SYSTEM)
    database.session.commit()
    assert database.session.get(Worker, one.id, populate_existing=True).id_number == numbers[stays]


def test_one_phone_of_both_knows_what_either_knew(db):
    """Seen at the later time, confirmed at the earlier one, whoever of the two it was."""
    one, other = make_worker(phone="13800138000"), make_worker(phone="13800138000")
    for worker, seen, confirmed in ((one, EARLY, None), (other, LATE, EARLY)):
        contact = find_phone(worker.id, "13800138000")
        contact.since, contact.last_seen_at, contact.confirmed_at = EARLY, seen, confirmed
    database.session.commit()
    commands.merge(survivor=one, merged=other, keep={}, reason="同一人", by=SYSTEM)
    database.session.commit()
    contact = find_phone(one.id, "13800138000")
    assert (contact.last_seen_at, contact.confirmed_at) == (LATE, EARLY)
