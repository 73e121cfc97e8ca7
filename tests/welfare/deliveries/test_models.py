"""Each promise the database itself holds about deliveries, broken by name."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal import clock
from portal.types import new_id
from portal.welfare.deliveries.models import Delivery, DeliveryReversal, DeliverySource
from portal.welfare.items.models import Proof
from tests.factories.deliveries import RIDER, give, make_shelf
from tests.factories.staff import make_account
from tests.factories.unions import small_tree


@pytest.fixture
def shelf(db):
    return make_shelf(small_tree().federation_county)


def row_of(shelf, **values) -> Delivery:
    now = clock.now()
    known = {
        "id": new_id(), "at": now, "recorded_at": now, "programme_id": shelf.programme.id, "item_id": shelf.item.id,
        "union_id": shelf.station.union_id, "station_id": shelf.station.id, "place_name": "站", "worker_id": shelf.worker.id,
        "occupation": RIDER, "quantity": 1, "unit_cost": Decimal(0), "cost": Decimal(0), "facts": {}, "flags": [],
        "source": DeliverySource.DESK, "late": False, "over_limit": False, "needs_two": False, "proof": Proof.NONE,
    }  # fmt: skip
    return Delivery(**known | values)


def broken(db, *rows) -> str:
    """The name of the constraint that refuses these rows."""
    with pytest.raises(IntegrityError) as error:
        db.session.add_all(rows)
        db.session.flush()
    db.session.rollback()
    return error.value.orig.diag.constraint_name


def test_checks_by_name(shelf, db):
    two = make_account().id
    cases = {
        "quantity_counts": {"quantity": 0},
        "cost_not_negative": {"cost": Decimal(-1)},
        "photo_where_due": {"proof": Proof.PHOTO},
        "code_where_due": {"proof": Proof.CODE},
        "proxy_whole": {"proxy_relation": "妻子"},
        "proxy_for_somebody": {"proxy_relation": "妻子", "proxy_name_cipher": b"x", "worker_id": None},
        "flags_only_late": {"flags": ["limit"]},
        "over_limit_says_why": {"late": True, "over_limit": True},
        "two_people": {"needs_two": True, "by_account_id": two, "registered_by_account_id": two},
        "visit_whole": {"visit_id": new_id()},
    }
    found = {name: broken(db, row_of(shelf, **values)) for name, values in cases.items()}
    assert found == {name: f"ck_deliveries_{name}" for name in cases}


def test_of_one_booking_one_delivery_stands(shelf, db):
    from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
    from tests.factories.welfare import make_session

    session = make_session(shelf.programme, shelf.station)
    rule = db.session.scalar(sa.text("SELECT id FROM eligibility_rules WHERE programme_id = :one"), {"one": shelf.programme.id})
    booking = Booking(
        id=new_id(), session_id=session.id, programme_id=shelf.programme.id, worker_id=shelf.worker.id, way=BookedBy.DESK,
        status=BookingStatus.CANCELLED, queued_at=clock.now(), created_at=clock.now(), code_index=b"1", rule_id=rule,
        price=Decimal(0), facts={},
    )  # fmt: skip
    db.session.add(booking)
    first = row_of(shelf, booking_id=booking.id)
    db.session.add(first)
    db.session.commit()
    assert broken(db, row_of(shelf, booking_id=booking.id)) == "tr_deliveries_booking_once"
    db.session.add(DeliveryReversal(delivery_id=first.id, at=clock.now(), reason="误发"))
    db.session.flush()
    db.session.add(row_of(shelf, booking_id=booking.id))
    db.session.commit()


def test_it_is_reversed_once_and_never_changed(shelf, db):
    row = give(shelf.programme, shelf.station, shelf.worker)
    db.session.add(DeliveryReversal(delivery_id=row.id, at=clock.now(), reason="误发"))
    db.session.commit()
    ident = row.id
    assert broken(db, DeliveryReversal(delivery_id=ident, at=clock.now(), reason="又一次")) == "pk_delivery_reversals"
    statements = [
        "UPDATE deliveries SET quantity = 2", "DELETE FROM deliveries", "UPDATE delivery_reversals SET reason = 'x'",
        "DELETE FROM delivery_reversals", "TRUNCATE deliveries CASCADE", "TRUNCATE delivery_reversals",
    ]  # fmt: skip
    for statement in statements:
        with pytest.raises(DBAPIError) as error:
            db.session.execute(sa.text(statement))
        db.session.rollback()
        assert re.match(r"tr_(deliveries|delivery_reversals|exception_reviews)_", error.value.orig.diag.constraint_name), (
            statement
        )
