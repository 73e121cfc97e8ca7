"""Handing over and taking back: what is refused live, what is stored late, and that everything moves with it, both ways."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, By
from portal.audit import AuditEntry
from portal.stations.supplies.models import StockShortage
from portal.stations.visits.commands import log_visit
from portal.types import Refused
from portal.vocabulary import BasicService, Occupation
from portal.welfare.bookings import commands as bookings
from portal.welfare.bookings import queries as booking_queries
from portal.welfare.bookings.models import BookedBy, BookingStatus
from portal.welfare.deliveries import commands, queries
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.deliveries.rules import Proxy
from portal.welfare.eligibility.models import Audience, LimitPeriod
from portal.welfare.items.models import Proof
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.programmes.models import Charge, ProgrammeStatus
from tests.factories.deliveries import RIDER, give, giver, make_share, make_shelf
from tests.factories.money import make_line
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_item, make_programme, make_rule, make_session
from tests.factories.workers import make_worker

TODAY = {"person_limit": 1, "limit_period": LimitPeriod.DAY}


@pytest.fixture
def union(db):
    return small_tree().federation_county


@pytest.fixture
def shelf(union):
    return make_shelf(union, 10, rule=TODAY)


@pytest.fixture
def paid(union):
    """A programme that reserves its price with each booking, at one station."""
    line = make_line(union, 2000, year=clock.today().year, cash=500)
    station = make_station(union=union)
    programme = make_programme(union, stations=(station,), line_id=line.id)
    return line, station, programme


def refusal(call, *args, **values) -> str:
    with pytest.raises(Refused) as refused:
        call(*args, **values)
    return refused.value.problems[0].code


def on_hand(shelf, db) -> int:
    db.session.refresh(shelf.lot)
    return shelf.lot.on_hand


def test_goods_leave_the_shelf_at_what_they_cost(shelf, db):
    row = give(shelf.programme, shelf.station, shelf.worker)
    assert (row.cost, row.unit_cost, row.quantity, row.late, row.flags) == (3, 3, 1, False, [])
    assert (row.union_id, row.place_name) == (shelf.station.union_id, shelf.station.name)
    assert row.facts["occupation"] == shelf.worker.occupation.value and "name" not in row.facts
    assert on_hand(shelf, db) == 9
    assert queries.receipts_of([shelf.worker.id], shelf.item.id, shelf.programme.id)[0].quantity == 1


def test_over_the_limit_is_refused_with_the_next_day(shelf, db):
    give(shelf.programme, shelf.station, shelf.worker)
    assert refusal(give, shelf.programme, shelf.station, shelf.worker) == "limit"
    db.session.rollback()
    assert on_hand(shelf, db) == 9


def test_several_at_once_count_as_several(union):
    shelf = make_shelf(union, rule={"person_limit": 3, "limit_period": LimitPeriod.PROGRAMME})
    share = make_share(shelf.programme, 10)
    give(shelf.programme, shelf.station, shelf.worker, quantity=2)
    assert share.used == 2
    assert refusal(give, shelf.programme, shelf.station, shelf.worker, quantity=2) == "limit"
    assert give(shelf.programme, shelf.station, shelf.worker).cost == 3


def test_a_second_record_of_the_same_person_counts(shelf, db):
    other = make_worker(name=None)
    other.merged_into_id = shelf.worker.id
    db.session.commit()
    give(shelf.programme, shelf.station, other)
    assert refusal(give, shelf.programme, shelf.station, shelf.worker) == "limit"


def test_no_stock_and_no_quota_are_refused_with_what_is_left(shelf, union, db):
    assert refusal(give, shelf.programme, shelf.station, make_worker(), quantity=1000) == "limit"
    loose = make_shelf(union, 2)
    assert refusal(give, loose.programme, loose.station, loose.worker, quantity=3) == "out_of_stock"
    db.session.rollback()
    make_share(loose.programme, 1)
    assert refusal(give, loose.programme, loose.station, loose.worker, quantity=2) == "quota_full"


def test_live_it_is_open_and_given_here(shelf, union, db):
    elsewhere = make_station(union=union)
    assert refusal(give, shelf.programme, elsewhere, shelf.worker) == "not_here"
    shelf.programme.status = ProgrammeStatus.PAUSED
    db.session.commit()
    assert refusal(give, shelf.programme, shelf.station, shelf.worker) == "paused"


def test_no_entry_is_of_nothing_or_of_tomorrow(shelf):
    assert refusal(give, shelf.programme, shelf.station, shelf.worker, quantity=0) == "quantity"
    tomorrow = clock.now() + timedelta(days=1)
    assert refusal(give, shelf.programme, shelf.station, shelf.worker, at=tomorrow, late=True) == "future"


def test_the_rule_in_force_decides_not_the_one_of_yesterday(shelf):
    make_rule(shelf.programme, audience=Audience.MEMBER)
    assert refusal(give, shelf.programme, shelf.station, shelf.worker) == "members_only"


# --- late ----------------------------------------------------------------------------------------------------------


def test_what_was_given_is_always_stored_and_says_what_did_not_fit(union, db):
    shelf = make_shelf(union, 1, rule=TODAY, item={"proof": Proof.SIGNATURE})
    make_share(shelf.programme, 1)
    morning = clock.start_of(clock.today() - timedelta(days=1)) + timedelta(hours=9)
    late = {"late": True, "source": DeliverySource.PAPER, "at": morning}
    first = give(shelf.programme, shelf.station, shelf.worker, **late, signature_seen=True)
    assert (first.flags, first.over_limit, first.at) == ([], False, morning)
    second = give(shelf.programme, shelf.station, shelf.worker, **late, quantity=2)
    assert second.flags == ["limit", "quota", "stock", "proof"] and second.over_limit
    short = db.session.scalars(sa.select(StockShortage).order_by(StockShortage.id)).one()
    assert (short.quantity, short.cause_id) == (2, str(second.id))
    commands.reverse_delivery(delivery=second, reason="录错了", by=giver())
    db.session.refresh(short)
    assert short.settled_at is not None


def test_late_money_that_is_refused_halfway_is_not_reserved(paid, monkeypatch):
    line, station, programme = paid

    def refuse(**_values):
        raise Refused([commands.rules.no_rule()])

    monkeypatch.setattr(commands.ledger, "spend", refuse)
    row = give(programme, station, make_worker(), late=True, source=DeliverySource.PAPER)
    assert "money" in row.flags and totals_of_line(line.id).reserved == 0


def test_late_without_money_and_at_the_wrong_place_is_stored(union, db):
    line = make_line(union, 100, year=clock.today().year)
    programme = make_programme(union, stations=(make_station(union=union),), line_id=line.id)
    row = give(programme, make_station(union=union), make_worker(), late=True, source=DeliverySource.OFFLINE)
    assert row.flags == ["money", "programme"] and row.cost == 500
    assert totals_of_line(line.id).spent == 0
    commands.reverse_delivery(delivery=row, reason="录错了", by=giver())
    assert totals_of_line(line.id).spent == 0


# --- who, to whom, with what proof ---------------------------------------------------------------------------------


def test_without_a_name_only_where_the_rule_asks_for_nothing(union):
    loose = make_shelf(union)
    assert give(loose.programme, loose.station).worker_id is None
    strict = make_shelf(union, rule=TODAY)
    assert refusal(give, strict.programme, strict.station) == "name_needed"
    some = make_shelf(union, rule={"occupations": [Occupation.COURIER.value]})
    assert refusal(give, some.programme, some.station, occupation=RIDER) == "occupation"


def test_what_is_unnamed_is_on_nobodys_page(union):
    shelf = make_shelf(union, rule=TODAY, item={"named": False})
    row = give(shelf.programme, shelf.station, shelf.worker)
    assert (row.worker_id, row.facts, row.visit_id) == (None, {}, None)
    assert queries.list_of_worker(shelf.worker.id) == []


def test_the_receivers_code_confirms(union, db):
    shelf = make_shelf(union, item={"proof": Proof.CODE})
    worker, other = make_worker(card=True), make_worker(card=True)
    codes = {one.id: queries.db.session.scalar(sa.select(sa.literal(card_of(one)))) for one in (worker, other)}
    assert refusal(give, shelf.programme, shelf.station, worker) == "code_missing"
    assert refusal(give, shelf.programme, shelf.station, worker, proof_code=codes[other.id]) == "code_wrong"
    assert refusal(give, shelf.programme, shelf.station, worker, proof_code="12345678") == "code_wrong"
    assert give(shelf.programme, shelf.station, worker, proof_code=codes[worker.id]).proof_confirmed_at is not None
    assert refusal(give, shelf.programme, shelf.station, worker, proof_code=codes[worker.id], proxy=Proxy("王芳", "妻子")) == (
        "proxy_not_here"
    )


def card_of(worker) -> str:
    from portal.members.workers.queries import find_card

    return find_card(worker.id).code


def test_photo_and_signature_are_asked_for(union):
    photo = make_shelf(union, item={"proof": Proof.PHOTO})
    assert refusal(give, photo.programme, photo.station, photo.worker) == "photo_missing"
    signed = make_shelf(union, item={"proof": Proof.SIGNATURE})
    assert refusal(give, signed.programme, signed.station, signed.worker) == "signature_missing"
    assert give(signed.programme, signed.station, signed.worker, signature_seen=True).proof is Proof.SIGNATURE


def test_somebody_else_picks_it_up_and_is_named_in_cipher(shelf, db):
    row = give(shelf.programme, shelf.station, shelf.worker, proxy=Proxy("王芳", "妻子"))
    assert (row.proxy_name, row.proxy_relation) == ("王芳", "妻子") and "王芳".encode() not in row.proxy_name_cipher
    other = make_worker()
    assert refusal(give, shelf.programme, shelf.station, other, proxy=Proxy("王芳", " ")) == "proxy_not_whole"
    assert not db.session.scalar(sa.select(sa.func.count()).where(sa.cast(AuditEntry.details, sa.Text).contains("王芳")))


def test_two_people_for_what_is_costly(union):
    shelf = make_shelf(union, item={"needs_two": True})
    decider = By("staff", shelf.programme.decided_by_account_id)
    for by in (decider, SYSTEM):  # whoever is nobody's account is no second person
        assert refusal(give, shelf.programme, shelf.station, shelf.worker, by) == "two_people"
    alone = give(shelf.programme, shelf.station, shelf.worker, decider, exception_reason="同事去医院了")
    assert (alone.exception_reason, alone.registered_by_account_id) == ("同事去医院了", decider.id)
    both = give(shelf.programme, shelf.station, make_worker(), exception_reason="不需要")
    assert both.exception_reason is None and both.by_account_id != both.registered_by_account_id


def test_who_registered_today_does_not_hand_over(union, db):
    from portal.members.workers.commands import register_worker

    shelf, by = make_shelf(union, item={"needs_two": True}), By("staff", make_account().id)
    new = register_worker(occupation=RIDER, name="赵新", by=by)
    db.session.commit()
    assert refusal(give, shelf.programme, shelf.station, new, by) == "two_people"
    assert give(shelf.programme, shelf.station, new).registered_by_account_id == by.id


def test_the_visit_of_today_is_tied(shelf, db):
    logged = log_visit(
        station_code=shelf.station.code, service=BasicService.DRINKING_WATER, worker_id=shelf.worker.id, occupation=RIDER,
        key="a key of its own", unions=(shelf.station.union_id,), by=giver(),
    )  # fmt: skip
    row = give(shelf.programme, shelf.station, shelf.worker)
    assert (row.visit_id, row.visit_at) == (logged.visit_id, logged.visit_at)


# --- bookings and money --------------------------------------------------------------------------------------------


def booked(station, programme, worker, starts_at=None):
    session = make_session(programme, station, starts_at=starts_at or clock.now() + timedelta(minutes=5))
    return bookings.book_place(session_id=session.id, worker_id=worker.id, way=BookedBy.DESK, by=giver())


def noon() -> object:
    """Midday today, so that "in five minutes" is the same day."""
    return clock.stopped_at(clock.start_of(clock.today()) + timedelta(hours=12))


def test_a_booking_is_checked_in_and_its_reservation_spent(paid, db):
    line, station, programme = paid
    worker, share = make_worker(), make_share(programme, 5)
    with noon():
        booking = booked(station, programme, worker)
        assert (totals_of_line(line.id).reserved, share.used) == (500, 1)
        row = give(programme, station, worker)  # the booking of the day is found by itself
    assert (row.booking_id, row.cost, row.quota_share_id) == (booking.id, 500, None)
    assert booking.status is BookingStatus.ATTENDED and row.budget_line_id == line.id
    db.session.refresh(share)
    assert (totals_of_line(line.id).reserved, totals_of_line(line.id).spent, share.used) == (0, 500, 1)
    with noon():
        commands.reverse_delivery(delivery=row, reason="未领取", by=giver())
        db.session.commit()
        assert booking.status is BookingStatus.BOOKED
        assert (totals_of_line(line.id).reserved, totals_of_line(line.id).spent) == (500, 0)
        assert give(programme, station, worker, booking=booking).booking_id == booking.id
    assert totals_of_line(line.id).spent == 500


def test_a_booking_gives_once_and_only_to_its_person(paid, db):
    _line, station, programme = paid
    worker = make_worker()
    with noon():
        booking = booked(station, programme, worker)
        assert refusal(give, programme, station, make_worker(), booking=booking) == "booking_of_another"
        assert refusal(give, programme, station, worker, booking=booking, quantity=2) == "booking_is_for_one"
        give(programme, station, worker, booking=booking)
        assert refusal(give, programme, station, worker, booking=booking) == "given_already"


def test_the_code_of_the_booking_is_a_proof(union):
    station = make_station(union=union)
    programme = make_programme(union, make_item(union, proof=Proof.CODE), stations=(station,))
    worker = make_worker()
    with noon():
        booking = booked(station, programme, worker)
        code = booking_queries.code_of(booking)
        assert give(programme, station, worker, proof_code=f"{code[:4]} {code[4:]}").proof_confirmed_at


def test_who_walks_in_is_charged_at_once_and_paid_money_stays(paid, db):
    from portal.welfare.ledger import commands as ledger
    from portal.welfare.ledger.rules import Cause

    line, station, programme = paid
    row = give(programme, station, make_worker(), quantity=2)
    assert (row.cost, row.unit_cost, totals_of_line(line.id).spent) == (1000, 500, 1000)
    assert refusal(give, programme, station, make_worker(), quantity=3) == "not_enough"
    db.session.rollback()
    commands.reverse_delivery(delivery=row, reason="退回", by=giver())
    assert totals_of_line(line.id).spent == 0
    other = give(programme, station, make_worker())
    ledger.pay(cause=Cause("deliveries", str(other.id), "体检"), by=giver())
    commands.reverse_delivery(delivery=other, reason="退回", by=giver())
    assert totals_of_line(line.id).spent == 500


def test_reversal_needs_a_reason_happens_once_and_not_after_settling(shelf, db):
    row = give(shelf.programme, shelf.station, shelf.worker)
    share = make_share(shelf.programme, 5)
    counted = give(shelf.programme, shelf.station, make_worker())
    assert (counted.quota_share_id, share.used) == (share.id, 1)
    assert refusal(commands.reverse_delivery, delivery=row, reason=" ", by=giver()) == "reason_missing"
    commands.reverse_delivery(delivery=row, reason="误发", by=giver())
    assert on_hand(shelf, db) == 9
    assert refusal(commands.reverse_delivery, delivery=row, reason="误发", by=giver()) == "reversed_already"
    assert give(shelf.programme, shelf.station, shelf.worker).id  # the limit is free again
    commands.reverse_delivery(delivery=counted, reason="误发", by=giver())
    db.session.refresh(share)
    assert share.used == 1
    last = give(shelf.programme, shelf.station, make_worker())
    for status in (ProgrammeStatus.CLOSED, ProgrammeStatus.SETTLED):
        shelf.programme.status = status
        db.session.commit()
    assert refusal(commands.reverse_delivery, delivery=last, reason="误发", by=giver()) == "settled"


def test_who_wants_no_record_is_on_none_unless_something_depends_on_it(union, db):
    loose, strict = make_shelf(union), make_shelf(union, rule=TODAY)
    for shelf in (loose, strict):
        shelf.worker.unrecorded_since = clock.now()
    db.session.commit()
    row = give(loose.programme, loose.station, loose.worker)
    assert (row.worker_id, row.facts) == (None, {})
    assert give(strict.programme, strict.station, strict.worker).worker_id == strict.worker.id


def test_what_costs_nothing_costs_nothing(union):
    station = make_station(union=union)
    free = make_programme(union, stations=(station,), charge=Charge.NOTHING)
    row = give(free, station, make_worker(), place_name="流动服务车")
    assert (row.cost, row.place_name) == (Decimal(0), "流动服务车")
    assert give(free, None, make_worker(), place_name="市第一人民医院").union_id == union.id


def test_the_trail_hears_of_it(shelf, db):
    row = give(shelf.programme, shelf.station, shelf.worker)
    commands.reverse_delivery(delivery=row, reason="误发", by=giver())
    db.session.commit()
    found = db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.subject_id == str(row.id)).order_by(AuditEntry.id))
    assert list(found) == ["delivery.given", "delivery.reversed"]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 1
    assert isinstance(row.at.date(), date)
