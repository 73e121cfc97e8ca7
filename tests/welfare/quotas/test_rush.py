"""Many at once on one share, and any order of changes: nothing goes over, nothing is made, nothing is lost."""

from __future__ import annotations

import threading
from datetime import timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from portal import clock
from portal.access import SYSTEM
from portal.db import db as database
from portal.types import Refused
from portal.unions.tree.models import Union
from portal.welfare.quotas import commands, queries
from portal.welfare.quotas.models import QuotaShare
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme
from tests.welfare.quotas.test_commands import numbers

# --- many at once ----------------------------------------------------------------------------------------------------


def rush(app, work, *, takers: int = 16) -> tuple[int, int, list]:
    """Takers that all begin at the same moment; answers (taken, refused, unexpected errors)."""
    barrier = threading.Barrier(takers, timeout=30)
    outcome, wrong = [], []

    def one() -> None:
        with app.app_context():
            try:
                work(barrier)
                database.session.commit()
                outcome.append(True)
            except Refused:
                database.session.rollback()
                outcome.append(False)
            except Exception as error:
                database.session.rollback()
                wrong.append(error)
            finally:
                database.session.remove()

    threads = [threading.Thread(target=one) for _ in range(takers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcome.count(True), outcome.count(False), wrong


def test_sixteen_takers_of_the_last_five(app, cascade):
    values = {"programme_id": cascade.programme.id, "station_id": cascade.station.id, "union_id": cascade.county.id}

    def work(barrier) -> None:
        barrier.wait()
        commands.take(**values, by=SYSTEM)

    taken, refused, wrong = rush(app, work)
    assert not wrong, wrong
    assert (taken, refused) == (5, 11)
    assert numbers(cascade.of_station) == (5, 0, 5, 0)


def test_without_the_guard_the_same_rush_goes_over(app, cascade):
    """The control: look first, then write down, with the database's own check taken away. All sixteen get one of five."""
    share_id = cascade.of_station.id
    database.session.execute(sa.text("ALTER TABLE quota_shares DROP CONSTRAINT ck_quota_shares_within_amount"))
    database.session.commit()

    def work(barrier) -> None:
        left = database.session.scalar(
            sa.select(QuotaShare.amount - QuotaShare.given - QuotaShare.used).where(QuotaShare.id == share_id)
        )
        barrier.wait()  # everybody has looked
        if left < 1:
            raise Refused([])
        database.session.execute(sa.update(QuotaShare).where(QuotaShare.id == share_id).values(used=QuotaShare.used + 1))

    try:
        taken, _refused, wrong = rush(app, work, takers=8)
        assert not wrong, wrong
        assert taken == 8 and numbers(cascade.of_station)[3] == -3
    finally:
        database.session.rollback()
        database.session.execute(sa.text("UPDATE quota_shares SET used = 0"))
        database.session.execute(
            sa.text("ALTER TABLE quota_shares ADD CONSTRAINT ck_quota_shares_within_amount CHECK (given + used <= amount)")
        )
        database.session.commit()


def test_two_who_hand_down_the_last_never_give_it_twice(app, cascade):
    share_id, holders = cascade.of_county.id, [cascade.town.id, cascade.federation_county.id]

    def work(barrier) -> None:
        union = database.session.get_one(Union, holders.pop())
        share = database.session.get_one(QuotaShare, share_id)
        barrier.wait()
        commands.hand_down(share=share, union=union, amount=25, by=SYSTEM)

    taken, refused, wrong = rush(app, work, takers=2)
    assert not wrong, wrong
    assert (taken, refused) == (1, 1)
    assert numbers(cascade.of_county) == (30, 30, 0, 0)


# --- in any order ----------------------------------------------------------------------------------------------------


class Cascade(RuleBasedStateMachine):
    """Any order of handing down, changing, taking, putting back and taking back makes no place and loses none."""

    app = None

    @initialize()
    def begin(self) -> None:
        self.context = self.app.app_context()
        self.context.push()
        tree = small_tree()
        self.programme, self.used = make_programme(tree.province), []
        self.stations = [make_station(union=tree.county), make_station(union=tree.town), make_station(union=tree.city)]
        self.unions = [tree.city, tree.county, tree.town, tree.federation_county, tree.foreign_city]
        self.root = commands.set_root(programme=self.programme, amount=40, by=SYSTEM)
        database.session.commit()

    def attempt(self, command, **values):
        """What is refused leaves nothing behind."""
        try:
            with database.session.begin_nested():
                return command(by=SYSTEM, **values)
        except Refused:
            return None

    def share(self, number: int) -> QuotaShare:
        known = list(database.session.scalars(sa.select(QuotaShare).order_by(QuotaShare.id)))
        return known[number % len(known)]

    @rule(number=st.integers(0, 9), to=st.integers(0, 7), amount=st.integers(0, 30), due=st.booleans())
    def hand_down(self, number, to, amount, due) -> None:
        share = self.share(number)
        if share.union_id:
            day = clock.today() + timedelta(days=1) if due else None
            holder = {"union": self.unions[to]} if to < 5 else {"station": self.stations[to - 5]}
            self.attempt(commands.hand_down, share=share, amount=amount, take_back_on=day, **holder)

    @rule(number=st.integers(0, 9), amount=st.integers(0, 40))
    def change(self, number, amount) -> None:
        share = self.share(number)
        if share.parent_id:
            self.attempt(commands.change_share, share=share, amount=amount, take_back_on=share.take_back_on)
        elif amount:
            self.attempt(commands.set_root, programme=self.programme, amount=amount)

    @rule(at=st.integers(0, 2), quantity=st.integers(1, 6))
    def take(self, at, quantity) -> None:
        station = self.stations[at]
        values = {"programme_id": self.programme.id, "station_id": station.id, "union_id": station.union_id}
        if taken := self.attempt(commands.take, quantity=quantity, **values):
            self.used.append((taken, quantity))

    @rule()
    def put_back(self) -> None:
        if self.used:
            share_id, quantity = self.used.pop()
            commands.put_back(share_id=share_id, quantity=quantity, by=SYSTEM)

    @rule(number=st.integers(0, 9))
    def take_back(self, number) -> None:
        share = self.share(number)
        if share.parent_id:
            self.attempt(commands.take_back, share=share)

    @rule(days=st.integers(0, 2))
    def day_comes(self, days) -> None:
        with clock.stopped_at(clock.now() + timedelta(days=days)):
            self.attempt(commands.take_back_due)
            due = queries.list_due(clock.today())
            assert sum(one.left for one in due) == 0

    @invariant()
    def it_adds_up(self) -> None:
        if not hasattr(self, "root"):
            return
        database.session.flush()
        rows = list(database.session.execute(sa.select(*QuotaShare.__table__.c).order_by(QuotaShare.id)))
        beneath = {row.id: sum(one.amount for one in rows if one.parent_id == row.id) for row in rows}
        for row in rows:
            assert row.given == beneath[row.id]
            assert 0 <= row.given + row.used <= row.amount
        assert sum(row.used for row in rows) == sum(quantity for _, quantity in self.used)
        whole = next(row.amount for row in rows if row.parent_id is None)
        assert whole == sum(row.amount - row.given for row in rows)

    def teardown(self) -> None:
        from tests.conftest import _EMPTY

        if hasattr(self, "context"):
            database.session.rollback()
            database.session.remove()
            with database.engine.begin() as connection:
                connection.execute(_EMPTY)
            self.context.pop()


def test_any_order_keeps_the_sum(application):
    Cascade.app = application
    quick = settings(max_examples=5, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Cascade, settings=quick)
