"""Phones are dated contacts: a number silent for long shows nothing until its person is confirmed; recycled ones are detached."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock, outbox
from portal.access import SYSTEM
from portal.members.workers import commands, queries
from portal.members.workers.models import Worker, WorkerPhone
from portal.members.workers.rules import SILENT_AFTER, is_surname_of, is_tail_of
from portal.types import Refused
from portal.vocabulary import Occupation
from tests.factories.workers import make_id_number, make_phone, make_worker

PHONE = "13812345678"
LONG = SILENT_AFTER + timedelta(days=1)


def silent(db, **values):
    """Somebody whose phone led to them last more than half a year ago."""
    worker = make_worker(phone=PHONE, **values)
    then = clock.now() - LONG
    db.session.execute(sa.update(WorkerPhone).values(since=then, last_seen_at=then))
    db.session.commit()
    return worker


def test_a_number_is_silent_after_180_days_and_the_day_counts_from_its_last_use(db):
    worker, now = make_worker(phone=PHONE), clock.now()
    for days, doubts in ((179, set()), (181, {worker.id})):
        with clock.stopped_at(now + timedelta(days=days)):
            found = queries.find_by_key(PHONE)
            assert (set(found.doubts), found.workers) == (doubts, (worker,))
    with clock.stopped_at(now + timedelta(days=179)):
        commands.note_phone_seen(worker=worker, phone=PHONE, by=SYSTEM)
    with clock.stopped_at(now + timedelta(days=300)):
        assert queries.find_by_key(PHONE).doubts == frozenset()
    with clock.stopped_at(now + timedelta(days=600)):
        commands.note_phone_seen(worker=worker, phone=PHONE, by=SYSTEM)  # a look alone wakes no silent number
        assert queries.find_by_key(PHONE).doubts == {worker.id}


def test_other_keys_have_no_doubts(db):
    number = make_id_number()
    worker = silent(db, id_number=number, card=True)
    for key in (number, queries.find_card(worker.id).code):
        assert queries.find_by_key(key).doubts == frozenset()


@pytest.mark.parametrize("typed", ["李", "李志", "李志强", " 李 "])
def test_surname_and_the_document_s_tail_confirm(db, typed):
    number = make_id_number()
    worker = silent(db, name="李志强", id_number=number)
    tail = number[-4:].lower().replace("x", "Ｘ")
    assert queries.asked_for(worker) == "id_tail"
    commands.confirm_contact(worker=worker, phone=PHONE, surname=typed, id_tail=tail, by=SYSTEM)
    db.session.commit()
    assert queries.find_by_key(PHONE).doubts == frozenset()


@pytest.mark.parametrize(
    ("surname", "tail", "occupation"),
    [("王", True, None), ("", True, None), ("李", False, None), (None, None, None), ("志强", True, None),
     ("李", None, Occupation.FOOD_DELIVERY_RIDER)],
)  # fmt: skip
def test_anything_else_does_not(db, surname, tail, occupation):
    number = make_id_number()
    worker = silent(db, name="李志强", id_number=number)
    typed = number[-4:] if tail else None if tail is None else "0000"
    with pytest.raises(Refused) as refused:
        commands.confirm_contact(worker=worker, phone=PHONE, surname=surname, id_tail=typed, occupation=occupation, by=SYSTEM)
    assert [problem.code for problem in refused.value.problems] == ["no_match", "new"]
    assert "somebody new" in str(refused.value.problems[1].says)
    db.session.rollback()
    assert queries.find_by_key(PHONE).doubts == {worker.id}


def test_without_a_document_the_occupation_is_asked_and_without_a_name_nothing(db):
    worker = silent(db, name="李志强", occupation=Occupation.COURIER)
    assert queries.asked_for(worker) == "occupation"
    with pytest.raises(Refused):
        commands.confirm_contact(worker=worker, phone=PHONE, surname="李", occupation=Occupation.OTHER, by=SYSTEM)
    db.session.rollback()
    commands.confirm_contact(worker=worker, phone=PHONE, surname="李", occupation=Occupation.COURIER, by=SYSTEM)
    db.session.commit()
    nameless = make_worker(name=None)
    assert queries.asked_for(nameless) == "nothing"
    with pytest.raises(Refused):
        commands.confirm_contact(worker=nameless, phone=queries.current_phone(nameless).phone, surname="",
                                 occupation=nameless.occupation, by=SYSTEM)  # fmt: skip


def test_five_tries_whoever_tries(db):
    number = make_id_number()
    worker = silent(db, name="李志强", id_number=number)
    for _try in range(5):
        with pytest.raises(Refused):
            commands.confirm_contact(worker=worker, phone=PHONE, surname="李", id_tail="....", by=SYSTEM)
        db.session.rollback()
    with pytest.raises(Refused) as refused:
        commands.confirm_contact(worker=worker, phone=PHONE, surname="李", id_tail=number[-4:], by=SYSTEM)
    assert refused.value.problems[0].code == "too_often"
    db.session.rollback()
    with clock.stopped_at(clock.now() + timedelta(minutes=16)):
        commands.confirm_contact(worker=worker, phone=PHONE, surname="李", id_tail=number[-4:], by=SYSTEM)


def test_eight_tries_a_day(db):
    number = make_id_number()
    worker = silent(db, name="李志强", id_number=number)
    begin = clock.now()
    for quarter in range(2):
        for _try in range(4):
            with clock.stopped_at(begin + timedelta(minutes=16 * quarter)), pytest.raises(Refused) as refused:
                commands.confirm_contact(worker=worker, phone=PHONE, surname="李", id_tail="....", by=SYSTEM)
            assert refused.value.problems[0].code == "no_match"
            db.session.rollback()
    for hours, code in ((23, "too_often"), (25, None)):
        with clock.stopped_at(begin + timedelta(hours=hours)):
            if code is None:
                commands.confirm_contact(worker=worker, phone=PHONE, surname="李", id_tail=number[-4:], by=SYSTEM)
                continue
            with pytest.raises(Refused) as refused:
                commands.confirm_contact(worker=worker, phone=PHONE, surname="李", id_tail=number[-4:], by=SYSTEM)
            assert refused.value.problems[0].code == code
            db.session.rollback()


def test_whoever_comes_to_the_desk_with_a_silent_number_is_a_second_person(db):
    old = silent(db, name="李志强")
    new = commands.register_worker(occupation=Occupation.COURIER, phone=PHONE, name="李志强", by=SYSTEM)
    db.session.commit()
    assert new.id != old.id
    found = queries.find_by_key(PHONE)
    assert (set(found.doubts), len(found.workers)) == ({old.id}, 2)


def test_a_detached_phone_finds_nobody_and_its_history_stays(db):
    worker = make_worker(phone=PHONE)
    assert commands.detach_phone(worker=worker, phone=PHONE, by=SYSTEM)
    assert not commands.detach_phone(worker=worker, phone=PHONE, by=SYSTEM)
    db.session.commit()
    assert queries.find_by_key(PHONE).workers == ()
    contact = db.session.scalars(sa.select(WorkerPhone)).one()
    assert contact.until is not None and contact.worker_id == worker.id
    said = db.session.scalars(sa.text("SELECT details::text FROM audit_entries WHERE action = 'worker.phone_detached'")).all()
    assert len(said) == 1 and PHONE not in said[0]


@pytest.mark.parametrize(
    ("typed", "name", "fits"),
    [("欧阳", "欧阳娜娜", True), ("欧", "欧阳娜娜", True), ("anna", "Anna Li", True), ("li", "Anna Li", False), ("", "李", False),
     ("李", None, False), ("李", "李", True), ("李志强强", "李志强", False)],
)  # fmt: skip
def test_how_a_name_begins(typed, name, fits):
    assert is_surname_of(typed, name) is fits


@pytest.mark.parametrize(
    ("typed", "fits"), [("002X", True), ("002x", True), ("００２Ｘ", True), ("02X", False), ("1002X", False)]
)
def test_the_tail_of_a_document(typed, fits):
    assert is_tail_of(typed, "11010519491231002X") is fits


# --- signing in ----------------------------------------------------------------------------------------------------


def answer_code(client):
    client.get("/sign-in")
    client.send("/sign-in", {"phone": PHONE})
    digits = re.search(r"\d{6}", outbox.recent(1)[0].body).group()
    return client.send("/sign-in/code", {"code": digits})


def test_a_silent_number_shows_no_name_and_asks_who_it_is(db, client):
    number = make_id_number()
    worker = silent(db, name="李志强", id_number=number)
    assert answer_code(client).location == "/sign-in/person"
    page = client.get("/sign-in/person").text
    assert "李*强" not in page and 'name="surname"' in page and 'name="id_tail"' in page and 'inputmode="numeric"' not in page
    me = {"person": str(worker.id), "surname": "李"}
    wrong = client.send("/sign-in/person", me | {"id_tail": "0000"})
    assert wrong.status_code == 422 and 'value="李"' in wrong.text
    assert client.send("/sign-in/person", me | {"id_tail": number[-4:]}).location == "/me"
    assert queries.find_by_key(PHONE).doubts == frozenset()


def test_a_recycled_number_is_detached_when_its_new_owner_says_so(db, client):
    old = silent(db, name="李志强", id_number=make_id_number())
    answer_code(client)
    away = client.send("/sign-in/person", {"person": "nobody"}).location
    assert 'value="courier"' in client.get(away).text
    assert client.send("/sign-in/person", {"occupation": "courier"}).location == "/me"
    (new,) = queries.find_by_phone(PHONE)
    assert new.id != old.id and queries.list_phones(old.id) == []
    assert db.session.get(Worker, old.id).name == "李志强"


def test_a_silent_number_without_a_name_can_only_be_somebody_new(db, client):
    old = silent(db, name=None)
    answer_code(client)
    page = client.get("/sign-in/person").text
    assert 'value="courier"' in page and 'name="person"' not in page
    assert client.send("/sign-in/person", {"person": str(old.id)}).status_code == 422
    assert client.send("/sign-in/person", {"occupation": "courier"}).location == "/me"
    assert old.id not in {worker.id for worker in queries.find_by_phone(PHONE)}


def test_those_who_still_use_a_shared_phone_keep_it(db, client):
    old = silent(db, name="李志强", id_number=make_id_number())
    live = make_worker(phone=PHONE, name="王芳")
    answer_code(client)
    page = client.get("/sign-in/person").text
    assert "王*" in page and "李*强" not in page
    client.send("/sign-in/person", {"person": "nobody"})
    client.send("/sign-in/person", {"occupation": "courier"})
    left = {worker.id for worker in queries.find_by_phone(PHONE)}
    assert live.id in left and old.id not in left and len(left) == 2


def test_a_fresh_phone_is_not_silent(db):
    phone = make_phone()
    commands.register_worker(occupation=Occupation.COURIER, phone=phone, by=SYSTEM)
    db.session.commit()
    assert queries.find_by_key(phone).doubts == frozenset()
