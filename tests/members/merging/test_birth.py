"""A merge keeps what the survivor is known to be, fills what is missing, and undoing puts back exactly that."""

from __future__ import annotations

from datetime import date

import pytest

from portal.access import SYSTEM
from portal.db import db as database
from portal.members.merging import commands
from portal.members.workers.models import Worker
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
