"""Sex and birth date: from the document wherever a number is set, otherwise from what the person states; never the other way."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import SYSTEM, By
from portal.audit import AuditEntry
from portal.db import db as database
from portal.members.joining.models import ApplicationStatus
from portal.members.workers import commands, rules
from portal.members.workers.models import Worker
from portal.types import Refused, new_id
from portal.vocabulary import IdType
from tests.factories.joining import make_application
from tests.factories.unions import small_tree
from tests.factories.workers import make_id_number, make_worker

BORN = date(1990, 5, 17)
WOMAN, MAN = make_id_number(born=BORN, order=2), make_id_number(born=BORN, order=1)


@pytest.mark.parametrize(
    ("id_type", "number", "sex", "born"),
    [
        (IdType.RESIDENT_ID, WOMAN, "female", BORN),
        (IdType.RESIDENT_ID, MAN.lower(), "male", BORN),
        (IdType.HMT_RESIDENCE, "810000" + WOMAN[6:], "female", BORN),  # built as a resident's number
        (IdType.HMT_TRAVEL, "H12345678", None, None),
        (IdType.FOREIGN_PERMANENT, WOMAN, None, None),
        (IdType.PASSPORT, "E12345678", None, None),
        (IdType.RESIDENT_ID, "410105199002300012", None, None),  # 30 February
        (IdType.RESIDENT_ID, "41010518900517001X", None, None),
        (IdType.RESIDENT_ID, "", None, None),
        (None, WOMAN, None, None),
    ],
)
def test_what_a_number_says(id_type, number, sex, born):
    assert (rules.sex_of(id_type, number), rules.born_on_of(id_type, number)) == (sex, born)


def known(worker: Worker) -> tuple:
    stored = database.session.get(Worker, worker.id, populate_existing=True)
    return stored.sex, stored.born_on, stored.born_from_document


def test_setting_a_number_is_enough(db):
    assert known(make_worker(id_number=WOMAN)) == ("female", BORN, True)
    assert known(make_worker(id_number="E12345678", id_type=IdType.PASSPORT)) == (None, None, False)
    worker = make_worker(id_number=MAN)
    worker.id_type, worker.id_number = None, None  # the document is taken away, and with it what it said
    database.session.commit()
    assert known(worker) == (None, None, False)


def test_admission_brings_them_along(db):
    small_tree()
    application = make_application(status=ApplicationStatus.APPROVED, id_number=WOMAN)
    assert known(database.session.get(Worker, application.worker_id)) == ("female", BORN, True)


def test_what_the_person_states(db):
    worker = make_worker()
    by = By("worker", worker.id)
    commands.state_person(worker=worker, sex="female", by=by)
    commands.state_person(worker=worker, born_on=BORN, by=by)
    database.session.commit()
    assert known(worker) == ("female", BORN, False)
    stated = database.session.scalars(sa.select(AuditEntry.details).where(AuditEntry.action == "worker.stated"))
    assert all("1990" not in str(details) for details in stated)  # that it was said, not what
    worker.id_type, worker.id_number = IdType.RESIDENT_ID, MAN
    database.session.commit()
    assert known(worker) == ("male", BORN, True)
    with pytest.raises(Refused) as refused:
        commands.state_person(worker=worker, sex="female", born_on=date(1950, 1, 1), by=by)
    assert refused.value.problems[0].code == "from_document"
    database.session.rollback()
    assert known(worker) == ("male", BORN, True)


def test_a_statement_goes_to_the_record_that_stayed(db):
    survivor, merged = make_worker(), make_worker()
    merged.merged_into_id = survivor.id
    database.session.commit()
    commands.state_person(worker=merged, sex="male", by=SYSTEM)
    database.session.commit()
    assert known(survivor)[0] == "male" and known(merged)[0] is None


@pytest.mark.parametrize("days", [1, -121 * 366])
def test_a_birth_date_that_cannot_be(db, days):
    with pytest.raises(Refused):
        commands.state_person(worker=make_worker(), born_on=clock.today() + timedelta(days=days), by=SYSTEM)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("ck_workers_sex_known", {"sex": "woman"}),
        ("ck_workers_born_where_from_document", {"born_from_document": True}),
    ],
)
def test_constraints(db, constraint, values):
    database.session.add(Worker(id=new_id(), occupation="other", created_at=clock.now(), **values))
    with pytest.raises(IntegrityError, match=constraint):
        database.session.flush()
    database.session.rollback()
