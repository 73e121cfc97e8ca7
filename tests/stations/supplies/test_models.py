"""What the database itself holds about stock: each constraint and trigger broken by name, the book append-only."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from portal import clock
from portal.access import SYSTEM
from portal.stations.stocktaking.models import StockCount, StockTransfer, WriteOff
from portal.stations.supplies import commands
from portal.stations.supplies.models import (
    SIGNS,
    KitPart,
    Lot,
    MovementKind,
    StockMovement,
    StockShortage,
    SupplyItem,
    SupplyKind,
)
from portal.types import new_id
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.supplies import make_kit, make_supply, put_in_stock
from tests.factories.unions import small_tree


@pytest.fixture
def tree(app):
    return small_tree()


@pytest.fixture
def station(tree):
    return make_station(union=tree.county)


@pytest.fixture
def item(tree):
    return make_supply(tree.county)


@pytest.fixture
def lot(station, item):
    return put_in_stock(station, item, 5)


def broken_by(db, row_or_statement) -> str:
    """The name of what refuses a row or a statement."""
    with pytest.raises(DBAPIError) as refused:
        if isinstance(row_or_statement, sa.Executable):
            db.session.execute(row_or_statement)
        else:
            db.session.add(row_or_statement)
        db.session.flush()
    db.session.rollback()
    return refused.value.orig.diag.constraint_name or refused.value.orig.diag.message_primary


def moved(lot: Lot, kind: MovementKind, quantity: int = 1, **values) -> StockMovement:
    known = {"at": clock.now(), "station_id": lot.station_id, "supply_item_id": lot.supply_item_id, "lot_id": lot.id,
             "unit_cost": Decimal(1), "movement": new_id(), "by_kind": "system"}  # fmt: skip
    return StockMovement(id=new_id(), kind=kind, quantity=quantity, **known | values)


@pytest.mark.parametrize("kind", list(MovementKind))
def test_the_trigger_knows_each_sign(lot, kind, db):
    values = {}
    if kind is MovementKind.WRITE_OFF:
        asked = confirmed(lot, 2)
        db.session.add(asked)
        db.session.flush()
        values = {"cause_table": "write_offs", "cause_id": str(asked.id)}
    db.session.add(moved(lot, kind, 2, **values))
    db.session.flush()
    db.session.refresh(lot)
    assert lot.on_hand == 5 + 2 * SIGNS[kind]


def confirmed(lot: Lot, quantity: int, **values) -> WriteOff:
    known = {"reason": "过期", "asked_at": clock.now(), "asked_by_account_id": make_account().id, "confirmed": True,
             "decided_at": clock.now(), "decided_by_account_id": make_account().id}  # fmt: skip
    return WriteOff(id=new_id(), lot_id=lot.id, quantity=quantity, **known | values)


def test_a_lot_never_goes_below_zero_whoever_writes(lot, db):
    assert broken_by(db, moved(lot, MovementKind.HAND_OUT, 6)) == "ck_lots_never_below_zero"


def test_only_movements_change_what_a_lot_holds(lot, station, item, tree, db):
    ident, other = lot.id, make_station(union=tree.county).id
    for values in ({"on_hand": 9}, {"station_id": other}, {"supply_item_id": make_supply(tree.county).id}, {"unit_cost": 3}):
        assert broken_by(db, sa.update(Lot).where(Lot.id == ident).values(**values)) == "tr_lots_guard"
    assert broken_by(db, new_lot(station, item, on_hand=3)) == "tr_lots_guard"
    db.session.execute(sa.update(Lot).where(Lot.id == ident).values(lot_number="B7"))  # a mistyped number may be put right


def new_lot(station, item, **values) -> Lot:
    known = {"expires_on": clock.today(), "unit_cost": Decimal(1), "on_hand": 0, "received_on": clock.today()}
    return Lot(id=new_id(), station_id=station.id, supply_item_id=item.id, created_at=clock.now(), **known | values)


def test_what_a_lot_must_be(station, item, tree, db):
    assert broken_by(db, new_lot(station, item, expires_on=None)) == "ck_lots_expiry_said"
    assert broken_by(db, new_lot(station, item, unit_cost=-1)) == "ck_lots_unit_cost_not_negative"
    assert broken_by(db, new_lot(station, make_kit(tree.county, {item: 1}))) == "ck_lots_no_kit"


def test_the_book_is_written_once(lot, station, item, db):
    db.session.add(StockCount(id=new_id(), at=clock.now(), station_id=station.id, supply_item_id=item.id, booked=1, counted=1))
    db.session.commit()
    for table in ("stock_movements", "stock_counts"):
        for statement in (f"UPDATE {table} SET note = 'x'", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            assert table in broken_by(db, sa.text(statement))


def test_a_movement_moves_its_own_lot(lot, tree, db):
    elsewhere = make_station(union=tree.county).id
    assert broken_by(db, moved(lot, MovementKind.FOUND, station_id=elsewhere)) == "fk_stock_movements_lot"
    assert broken_by(db, moved(lot, MovementKind.FOUND, 0)) == "ck_stock_movements_quantity_counts"


def test_past_its_date_nothing_goes_out_but_by_two(lot, db):
    first = clock.start_of(lot.expires_on + timedelta(days=1))
    K = MovementKind
    for kind in (K.HAND_OUT, K.REFILL, K.TRANSFER_OUT, K.LOSS):
        assert broken_by(db, moved(lot, kind, at=first)) == "ck_stock_movements_not_expired"
        db.session.add(moved(lot, kind, at=first - timedelta(microseconds=1)))
        db.session.flush()
        db.session.rollback()
    assert broken_by(db, moved(lot, K.WRITE_OFF, at=first)) == "ck_stock_movements_written_off_by_two"


def test_a_write_off_moves_what_was_confirmed(lot, db):
    for values in ({"confirmed": False}, {"confirmed": None, "decided_at": None, "decided_by_account_id": None}, {"quantity": 1}):
        asked = confirmed(lot, values.pop("quantity", 2), **values)
        db.session.add(asked)
        db.session.flush()
        move = moved(lot, MovementKind.WRITE_OFF, 2, cause_table="write_offs", cause_id=str(asked.id))
        assert broken_by(db, move) == "ck_stock_movements_written_off_by_two"


def test_two_people_and_whole_decisions(lot, db):
    one = make_account().id
    assert broken_by(db, confirmed(lot, 1, asked_by_account_id=one, decided_by_account_id=one)) == "ck_write_offs_by_two_people"
    assert broken_by(db, confirmed(lot, 1, confirmed=None)) == "ck_write_offs_decided_whole"
    assert broken_by(db, confirmed(lot, 0)) == "ck_write_offs_quantity_counts"
    still_open = {"confirmed": None, "decided_at": None, "decided_by_account_id": None}
    db.session.add(confirmed(lot, 1, **still_open))
    db.session.commit()
    assert broken_by(db, confirmed(lot, 1, **still_open)) == "uq_write_offs_open"


def test_what_a_transfer_must_be(station, item, tree, db):
    other = make_station(union=tree.county)

    def sent(**values) -> StockTransfer:
        known = {"from_station_id": station.id, "to_station_id": other.id, "quantity": 5, "sent_at": clock.now()}
        return StockTransfer(id=new_id(), supply_item_id=item.id, **{"called_back": False} | known | values)

    done = {"received_at": clock.now()}
    assert broken_by(db, sent(to_station_id=station.id)) == "ck_stock_transfers_to_another"
    assert broken_by(db, sent(quantity=0)) == "ck_stock_transfers_quantity_counts"
    assert broken_by(db, sent(received=6, **done)) == "ck_stock_transfers_received_plausible"
    assert broken_by(db, sent(received=5)) == "ck_stock_transfers_received_whole"
    assert broken_by(db, sent(received=5, called_back=True, **done)) == "ck_stock_transfers_called_back_whole"


def test_what_shortages_and_counts_must_be(station, item, db):
    known = {"at": clock.now(), "station_id": station.id, "supply_item_id": item.id}
    assert broken_by(db, StockShortage(id=new_id(), quantity=0, **known)) == "ck_stock_shortages_quantity_counts"
    assert broken_by(db, StockCount(id=new_id(), booked=1, counted=-1, **known)) == "ck_stock_counts_not_negative"


def test_packs_are_made_of_things_and_things_stay_what_they_are(tree, item, db):
    kit, other = make_kit(tree.county, {item: 1}), make_kit(tree.county, {item: 1}, "关爱礼包")
    ident = item.id
    assert broken_by(db, KitPart(kit_id=kit.id, part_id=other.id, quantity=1)) == "ck_kit_parts_no_kit_within"
    assert broken_by(db, KitPart(kit_id=item.id, part_id=make_supply(tree.county).id, quantity=1)) == "ck_kit_parts_no_kit_within"
    more = make_supply(tree.county)
    assert broken_by(db, KitPart(kit_id=kit.id, part_id=more.id, quantity=0)) == "ck_kit_parts_quantity_counts"
    become = sa.update(SupplyItem).where(SupplyItem.id == ident).values(kind=SupplyKind.KIT)
    assert broken_by(db, become) == "tr_supply_items_kind"


def test_names_and_codes_are_told_apart(tree, item, db):
    def named(**values) -> SupplyItem:
        known = {"code": "S-OTHER", "union_id": tree.county.id, "name": "别的", "unit": "盒", "created_at": clock.now()}
        return SupplyItem(id=new_id(), **known | values)

    assert broken_by(db, named(name=item.name)) == "uq_supply_items_union_id_name"
    assert broken_by(db, named(code=item.code)) == "uq_supply_items_code"
    assert broken_by(db, named(warn_days=366)) == "ck_supply_items_warn_days_plausible"
    commands.close_item(item=item, by=SYSTEM)
    db.session.add(named(name=item.name))
    db.session.flush()
