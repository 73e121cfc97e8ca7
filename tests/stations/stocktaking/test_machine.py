"""Any order of what a keeper and a counter do keeps the book: opening + in − out = counted + difference, lot by lot.

And two tablets that want the last piece at the same moment.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import SYSTEM, By
from portal.db import db as database
from portal.stations.stocktaking import commands as stocktaking
from portal.stations.supplies import commands, queries
from portal.stations.supplies.models import SIGNS, Lot, MovementKind, StockMovement
from portal.stations.supplies.rules import StockCause
from portal.types import Refused
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.supplies import make_kit, make_supply, put_in_stock
from tests.factories.unions import small_tree

START = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)
PIECES = st.integers(1, 9)


class Shelf(RuleBasedStateMachine):
    """One item at two stations, a pack of it, days that go by; a plain model of what is there stands beside."""

    app = None

    @initialize()
    def begin(self) -> None:
        self.context = self.app.app_context()
        self.context.push()
        self.moment, tree = START, small_tree()
        self.here, self.there = make_station(union=tree.county), make_station(union=tree.county)
        self.item = make_supply(tree.county)
        self.kit = make_kit(tree.county, {self.item: 2})
        self.keepers = [By("staff", make_account().id) for _ in range(2)]
        # what the model knows: pieces on both shelves and under way; what was given by cause; what was beside the book
        self.shelf, self.under_way, self.causes, self.number = {self.here.id: 0, self.there.id: 0}, [], [], 0
        database.session.commit()

    def attempt(self, command, **values):
        """The answer, or None if it was refused; what is refused leaves nothing behind."""
        try:
            with clock.stopped_at(self.moment), database.session.begin_nested():
                return command(by=values.pop("by", SYSTEM), **values)
        except Refused:
            return None

    def usable(self, station) -> int:
        with clock.stopped_at(self.moment):
            return queries.stock_of(station.id, [self.item.id])[self.item.id].usable

    @rule(pieces=PIECES, days=st.integers(0, 6))
    def receive(self, pieces, days) -> None:
        until = clock.business_day(self.moment) + timedelta(days=days)
        lot = self.attempt(commands.receive, station=self.here, item=self.item, quantity=pieces, unit_cost=1,
                           kind=MovementKind.OPENING, expires_on=until)  # fmt: skip
        assert lot is not None
        self.shelf[self.here.id] += pieces

    @rule(pieces=PIECES, late=st.booleans(), pack=st.booleans())
    def hand_out(self, pieces, late, pack) -> None:
        before, each = self.usable(self.here), 2 if pack else 1
        self.number += 1
        cause = StockCause("deliveries", str(self.number))
        item_id = self.kit.id if pack else self.item.id
        taken = self.attempt(
            commands.hand_out, station_id=self.here.id, supply_item_id=item_id, quantity=pieces, cause=cause, late=late
        )  # fmt: skip
        assert (taken is None) == (not late and before < pieces * each)
        if taken is not None:
            left = min(before, pieces * each)
            assert taken.short == pieces - left // each
            self.shelf[self.here.id] -= left
            self.causes.append((cause, left))

    @precondition(lambda self: self.causes)
    @rule(twice=st.booleans())
    def give_back(self, twice) -> None:
        cause, pieces = self.causes.pop(0)
        back = self.attempt(commands.give_back, cause=cause)
        assert back >= pieces  # more, if a count entered meanwhile what was given beside the book
        self.shelf[self.here.id] += back
        if twice:
            assert self.attempt(commands.give_back, cause=cause) == 0

    @rule(off=st.integers(-3, 3))
    def count(self, off) -> None:
        before = self.usable(self.here)
        counted = max(before + off, 0)
        row = self.attempt(stocktaking.count, station=self.here, item=self.item, counted=counted,
                           expires_on=clock.business_day(self.moment))  # fmt: skip
        assert (row.booked, self.usable(self.here)) == (before, counted)
        self.shelf[self.here.id] += counted - before
        with clock.stopped_at(self.moment):
            assert queries.stock_of(self.here.id, [self.item.id])[self.item.id].shortage == 0

    @rule(pieces=PIECES)
    def send(self, pieces) -> None:
        sent = self.attempt(stocktaking.send, station=self.here, to=self.there, item=self.item, quantity=pieces)
        if sent is not None:
            self.shelf[self.here.id] -= pieces
            self.under_way.append(sent)

    @precondition(lambda self: self.under_way)
    @rule(lost=st.integers(0, 3), back=st.booleans())
    def arrive(self, lost, back) -> None:
        sent = self.under_way.pop(0)
        if back:
            self.attempt(stocktaking.call_back, transfer=sent, station=self.here)
            self.shelf[self.here.id] += sent.quantity
        else:
            received = max(sent.quantity - lost, 0)
            self.attempt(stocktaking.receive_transfer, transfer=sent, station=self.there, received=received, note="路上少了")
            self.shelf[self.there.id] += received

    @rule(hours=st.sampled_from((5, 13, 14, 24)))
    def time_goes_by(self, hours) -> None:
        self.moment += timedelta(hours=hours)

    @rule(confirm=st.booleans())
    def write_off(self, confirm) -> None:
        today = clock.business_day(self.moment)
        query = sa.select(Lot).where(Lot.station_id == self.here.id, Lot.on_hand > 0, Lot.expires_on < today)
        lot = database.session.scalars(query.order_by(Lot.id)).first()
        if lot is None:
            return
        pieces = lot.on_hand
        asked = self.attempt(stocktaking.ask_write_off, station=self.here, lot=lot, quantity=pieces, reason="过期",
                             by=self.keepers[0])  # fmt: skip
        self.attempt(stocktaking.decide_write_off, write_off=asked, station=self.here, confirm=confirm, by=self.keepers[1])
        self.shelf[self.here.id] -= pieces if confirm else 0

    @invariant()
    def the_book_agrees(self) -> None:
        if not hasattr(self, "shelf"):
            return
        database.session.flush()
        pieces = sa.case(*((StockMovement.kind == kind, sign * StockMovement.quantity) for kind, sign in SIGNS.items()))
        query = sa.select(StockMovement.lot_id, sa.func.sum(pieces)).group_by(StockMovement.lot_id)
        by_lot = dict(database.session.execute(query).all())
        lots = database.session.execute(sa.select(Lot.id, Lot.station_id, Lot.on_hand).order_by(Lot.id)).all()
        assert {lot.id: lot.on_hand for lot in lots} == {ident: int(pieces) for ident, pieces in by_lot.items()}
        for station_id, pieces in self.shelf.items():
            assert sum(lot.on_hand for lot in lots if lot.station_id == station_id) == pieces

    @invariant()
    def nothing_past_its_date_went_out(self) -> None:
        if not hasattr(self, "shelf"):
            return
        day = sa.cast(sa.func.timezone("Asia/Shanghai", StockMovement.at), sa.Date)
        went = sa.select(sa.func.count()).select_from(StockMovement).join(Lot, Lot.id == StockMovement.lot_id)
        out = (MovementKind.HAND_OUT, MovementKind.TRANSFER_OUT)
        assert database.session.scalar(went.where(StockMovement.kind.in_(out), Lot.expires_on < day)) == 0

    def teardown(self) -> None:
        from tests.conftest import _EMPTY

        if hasattr(self, "context"):
            database.session.rollback()
            database.session.remove()
            with database.engine.begin() as connection:
                connection.execute(_EMPTY)
            self.context.pop()


def test_any_order_keeps_the_book(application):
    Shelf.app = application
    quick = settings(max_examples=8, stateful_step_count=22, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Shelf, settings=quick)


# --- the last piece -------------------------------------------------------------------------------------------------


@pytest.fixture
def last_piece(db):
    """An item of which one piece is left at a station, as (station, item)."""
    tree = small_tree()
    station, item = make_station(union=tree.county), make_supply(tree.county)
    put_in_stock(station, item, 1)
    return station.id, item.id


def rush(app, station_id, item_id, *, takers: int = 2) -> tuple[list, list]:
    """Tablets that all want a piece at the same moment, each on a connection of its own: (refused or taken, other errors)."""
    barrier, answers, wrong = threading.Barrier(takers, timeout=30), [], []

    def take(number: int) -> None:
        with app.app_context():
            try:
                cause = StockCause("deliveries", str(number))
                barrier.wait()
                commands.hand_out(station_id=station_id, supply_item_id=item_id, quantity=1, cause=cause, by=SYSTEM)
                database.session.commit()
                answers.append("taken")
            except Refused as refused:
                database.session.rollback()
                answers.append(refused.problems[0].says.values.get("left", 0))
            except Exception as error:
                database.session.rollback()
                wrong.append(error)
            finally:
                database.session.remove()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(takers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers, wrong


def on_hand(db, item_id) -> int:
    return db.session.scalar(sa.select(sa.func.sum(Lot.on_hand)).where(Lot.supply_item_id == item_id))


def test_of_two_tablets_one_gets_the_last_piece(app, db, last_piece):
    answers, wrong = rush(app, *last_piece)
    assert (sorted(map(str, answers)), wrong) == (["0", "taken"], [])
    assert on_hand(db, last_piece[1]) == 0


def test_many_tablets_take_what_is_there_and_not_one_more(app, db, last_piece):
    station = db.session.execute(sa.text("SELECT code FROM stations")).scalar_one()
    from portal.stations.register.queries import find_by_code

    item = queries.find_item(last_piece[1])
    put_in_stock(find_by_code(station), item, 2, days=9)
    answers, wrong = rush(app, *last_piece, takers=6)
    assert (answers.count("taken"), wrong, on_hand(db, last_piece[1])) == (3, [], 0)


def test_without_the_lock_the_check_holds_and_says_less(app, db, last_piece, monkeypatch):
    """The control: both see the last piece; the database still lets only one have it, but cannot say what is left."""
    seen = threading.Barrier(2, timeout=30)

    def unlocked(station_id, item_ids, *, good_on=None, filled=True):
        lots = list(database.session.scalars(sa.select(Lot).where(Lot.station_id == station_id).order_by(Lot.id)))
        seen.wait()
        return lots

    monkeypatch.setattr(queries, "lock_lots", unlocked)
    answers, wrong = rush(app, *last_piece)
    assert answers == ["taken"]
    assert [type(error) for error in wrong] == [IntegrityError]
    assert wrong[0].orig.diag.constraint_name == "ck_lots_never_below_zero"
    assert on_hand(db, last_piece[1]) == 0
