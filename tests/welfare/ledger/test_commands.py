"""Money moves by entries only: what may be promised, spent, paid, taken back; in parallel and in any order, to the fen."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from portal.access import SYSTEM
from portal.db import db as database
from portal.types import Refused, new_id
from portal.welfare.ledger import commands, queries
from portal.welfare.ledger.models import Allocation, Commitment, LedgerEntry, Source
from portal.welfare.ledger.rules import Cause
from tests.factories.money import cause, line_values, make_budget, make_line, make_source, mix
from tests.factories.unions import small_tree

DAY = date(2026, 6, 1)


@pytest.fixture
def union(db):
    return small_tree().federation_county


def refusal(call, **values) -> str:
    with pytest.raises(Refused) as refused:
        call(**values)
    return refused.value.problems[0].code


def totals(line):
    return queries.totals_of_line(line.id)


def test_a_promise_becomes_spending_and_is_paid(union):
    line = make_line(union, 1000, cash=600)
    booking = cause()
    commands.reserve(line_id=line.id, amount=Decimal(500), cause=booking, falls_on=DAY, by=SYSTEM)
    assert (totals(line).reserved, totals(line).left) == (500, 500)
    assert commands.release(cause=booking, amount=Decimal(100), by=SYSTEM) == 100
    assert commands.spend(cause=booking, by=SYSTEM) == 400
    assert (totals(line).reserved, totals(line).spent, totals(line).left) == (0, 400, 600)
    assert commands.pay(cause=booking, by=SYSTEM, voucher_number="V1") == 400
    assert totals(line).paid == 400
    assert commands.refund(cause=booking, amount=Decimal(150), by=SYSTEM) == 150
    assert commands.reverse(cause=booking, by=SYSTEM) == 150  # what is paid stays spent
    assert (totals(line).spent, totals(line).paid, totals(line).left) == (250, 250, 750)
    kinds = [entry.kind.value for entry, _ in reversed(queries.list_entries(line_id=line.id).rows)]
    assert kinds == ["authorise", "reserve", "release", "spend", "pay", "refund", "reverse"]


def test_the_refusal_says_what_is_left(union):
    line = make_line(union, 100)
    with pytest.raises(Refused) as refused:
        commands.reserve(line_id=line.id, amount=Decimal("100.01"), cause=cause(), falls_on=DAY, by=SYSTEM)
    assert str(refused.value.problems[0].says) == "“夏季送清凉” has 100.00 left; 100.01 was asked."
    assert totals(line).reserved == 0


def test_no_cash_no_payment_though_authority_is_there(union):
    line, booking = make_line(union, 1000, cash=99), cause()
    commands.reserve(line_id=line.id, amount=Decimal(100), cause=booking, falls_on=DAY, by=SYSTEM)
    commands.spend(cause=booking, by=SYSTEM)
    assert refusal(commands.pay, cause=booking, by=SYSTEM) == "no_cash"
    assert commands.pay(cause=booking, amount=Decimal(99), by=SYSTEM) == 99


def test_more_than_a_cause_holds_is_not_moved(union):
    line, booking = make_line(union, 1000), cause()
    commands.reserve(line_id=line.id, amount=Decimal(10), cause=booking, falls_on=DAY, by=SYSTEM)
    assert refusal(commands.release, cause=booking, amount=Decimal(11), by=SYSTEM) == "not_enough"
    assert refusal(commands.spend, cause=booking, amount=Decimal(11), by=SYSTEM) == "not_enough"
    assert refusal(commands.reverse, cause=booking, by=SYSTEM) == "amount_not_positive"
    assert refusal(commands.spend, cause=cause("unbekannt"), by=SYSTEM) == "amount_not_positive"


def test_the_year_of_attendance_pays(union):
    """A booking in December for January is charged to January's year."""
    old = make_line(union, 1000)
    following = make_source(union, "拨缴经费 2027", 500, year=2027)
    booking = cause()
    late = {"line_id": old.id, "amount": Decimal(300), "cause": booking, "falls_on": date(2027, 1, 2), "by": SYSTEM}
    assert refusal(commands.reserve, **late) == "no_budget_of_year"
    new = make_budget(union, [line_values(amounts={following: 500})], year=2027).lines["夏季送清凉"]
    assert new.code == old.code
    commands.reserve(**late)
    assert (totals(old).reserved, totals(new).reserved) == (0, 300)


def test_sources_one_after_the_other_and_released_in_turn(union):
    first, second = make_source(union, "上级补助", 100), make_source(union, "拨缴经费", 100)
    line = make_budget(union, [line_values(amounts={first: 100, second: 100})]).lines["夏季送清凉"]
    booking = cause()
    held = commands.reserve(line_id=line.id, amount=Decimal(150), cause=booking, falls_on=DAY, by=SYSTEM)
    assert [(one.source_id, one.reserved) for one in held] == [(first.id, 100), (second.id, 50)]
    commands.release(cause=booking, amount=Decimal(60), by=SYSTEM)
    held = queries.list_commitments(booking.table, booking.id)
    assert [one.reserved for one in held] == [90, 0]


def test_fixed_shares_to_the_fen(union):
    three = [make_source(union, name, 1000) for name in ("财政补贴", "工会配套", "会员自缴")]
    line = make_budget(union, [mix("免费健康体检", 1000, dict(zip(three, (40, 40, 20), strict=True)))]).lines["免费健康体检"]
    held = commands.reserve(line_id=line.id, amount=Decimal("100.01"), cause=cause(), falls_on=DAY, by=SYSTEM)
    assert {one.source_id: one.reserved for one in held} == {
        three[0].id: Decimal("40.01"), three[1].id: Decimal("40.00"), three[2].id: Decimal("20.00"),
    }  # fmt: skip


# --- the database holds it too -------------------------------------------------------------------------------------


def enter(line, kind="reserve", amount=1, commitment=None, source_id=None, on=DAY, line_id=True):
    """An entry past the commands."""
    source_id = source_id or queries.list_shares(line.id)[0].source_id
    database.session.execute(
        sa.insert(LedgerEntry).values(
            id=new_id(), at=sa.func.now(), falls_on=on, kind=kind, amount=amount, source_id=source_id,
            line_id=line.id if line_id else None, commitment_id=commitment.id if commitment else None, movement=new_id(),
            cause_table="x", cause_id="x", label="x", by_kind="system",
        )
    )  # fmt: skip


@contextmanager
def breaks(constraint: str):
    """What stands within is refused by the constraint or guard of this name."""
    with pytest.raises(sa.exc.DBAPIError) as refused:
        yield
    assert refused.value.orig.diag.constraint_name == constraint
    database.session.rollback()


@pytest.fixture
def held(union):
    """A line of 100 with 10 reserved for something."""
    line = make_line(union, 100, cash=50)
    [commitment] = commands.reserve(line_id=line.id, amount=Decimal(10), cause=cause(), falls_on=DAY, by=SYSTEM)
    database.session.commit()
    return line, commitment


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"kind": "reserve", "amount": "90.01"}, "ck_allocations_promises_within_authority"),
        ({"kind": "spend", "amount": "10.01"}, "ck_allocations_not_negative"),
        ({"kind": "release", "amount": "10.01"}, "ck_allocations_not_negative"),
        ({"kind": "pay", "amount": "0.01"}, "ck_allocations_paid_within_spent"),
        ({"kind": "reserve", "amount": 0}, "ck_ledger_entries_amount_positive"),
        ({"kind": "reserve", "amount": -1}, "ck_ledger_entries_amount_positive"),
        ({"kind": "reserve", "amount": 1, "on": date(2027, 1, 1)}, "ck_ledger_entries_year_of_attendance"),
        ({"kind": "withdraw", "amount": "90.01", "commitment": None}, "ck_allocations_promises_within_authority"),
        ({"kind": "authorise", "amount": "0.01", "commitment": None}, "ck_sources_allocated_within_granted"),
        ({"kind": "reserve", "amount": 1, "commitment": None}, "ck_ledger_entries_commitment_where_due"),
        ({"kind": "receive", "amount": 1, "commitment": None}, "ck_ledger_entries_line_where_due"),
        ({"kind": "return", "amount": "50.01", "commitment": None, "line_id": False}, "ck_sources_paid_within_cash"),
    ],
)  # fmt: skip
def test_each_constraint_by_name(held, change, constraint):
    line, commitment = held
    values = {"commitment": commitment} | change
    if isinstance(values["amount"], str):
        values["amount"] = Decimal(values["amount"])
    with breaks(constraint):
        enter(line, **values)


def test_outside_of_the_source_period(union):
    line = make_line(union, 100, until_on=date(2026, 8, 31))
    row = Commitment(id=new_id(), line_id=line.id, source_id=queries.list_shares(line.id)[0].source_id, cause_table="x",
                     cause_id="x", label="x", falls_on=DAY)  # fmt: skip
    database.session.add(row)
    database.session.flush()
    with breaks("ck_ledger_entries_within_period"):
        enter(line, commitment=row, on=date(2026, 9, 1))


@pytest.mark.parametrize(
    ("statement", "guard"),
    [
        ("UPDATE allocations SET authority = authority + 1", "tr_allocations_totals"),
        ("UPDATE allocations SET reserved = 0", "tr_allocations_totals"),
        ("UPDATE commitments SET reserved = 0", "tr_commitments_totals"),
        ("UPDATE sources SET cash = cash + 1", "tr_sources_totals"),
        ("UPDATE budgets SET authority = 0", "tr_budgets_totals"),
        ("UPDATE ledger_entries SET amount = 1", "tr_ledger_entries_append_only"),
        ("DELETE FROM ledger_entries", "tr_ledger_entries_append_only"),
        ("TRUNCATE ledger_entries", "tr_ledger_entries_no_truncate"),
        ("UPDATE sources SET only_members = true", "tr_sources_restrictions"),
        ("UPDATE budget_lines SET category = 'other'", "tr_budget_lines_restrictions"),
        ("UPDATE sources SET granted = 99.99", "ck_sources_allocated_within_granted"),
        ("UPDATE budgets SET status = 'draft'", "ck_budgets_interim_until_approved"),
    ],
)
def test_nobody_writes_a_total_or_rewrites_the_ledger(held, statement, guard):
    with breaks(guard):
        database.session.execute(sa.text(statement))


def test_money_only_for_what_it_was_given_for(union):
    dues, line = make_source(union, "会费", 100, kind="dues"), make_line(union, 100)
    database.session.add(Allocation(line_id=line.id, source_id=dues.id))
    database.session.flush()
    with breaks("ck_ledger_entries_restriction"):
        enter(line, kind="authorise", amount=1, source_id=dues.id)


def test_a_frozen_budget_keeps_its_promises_and_makes_none(held):
    line, commitment = held
    database.session.execute(sa.text("UPDATE budgets SET status = 'frozen'"))
    with breaks("ck_ledger_entries_budget_open"):
        enter(line, commitment=commitment)
    database.session.execute(sa.text("UPDATE budgets SET status = 'frozen'"))
    assert (
        refusal(commands.reserve, line_id=line.id, amount=Decimal(1), cause=cause(), falls_on=DAY, by=SYSTEM) == "budget_frozen"
    )
    assert commands.spend(cause=Cause(commitment.cause_table, commitment.cause_id, "x"), by=SYSTEM) == 10


# --- many at once --------------------------------------------------------------------------------------------------


def rush(app, line_id, *, writers: int = 16, amount: Decimal = Decimal("7.00")) -> tuple[int, int, list]:
    """Writers that all reserve on one line at the same moment; answers (reserved, refused, unexpected errors)."""
    barrier = threading.Barrier(writers, timeout=30)
    outcome, wrong = [], []

    def write() -> None:
        with app.app_context():
            try:
                barrier.wait()
                commands.reserve(line_id=line_id, amount=amount, cause=cause(), falls_on=DAY, by=SYSTEM)
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

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcome.count(True), outcome.count(False), wrong


def test_sixteen_writers_on_one_line(app, union):
    line = make_line(union, 70)
    reserved, refused, wrong = rush(app, line.id)
    assert not wrong, wrong
    assert (reserved, refused) == (10, 6)
    database.session.rollback()
    assert (totals(line).reserved, totals(line).left) == (70, 0)


def test_without_the_lock_the_database_still_stops_it(app, union, monkeypatch):
    """The control: with the command's own lock taken out, writers run into the CHECK, and nothing is overdrawn."""
    line = make_line(union, 70)
    plain = queries.list_shares
    monkeypatch.setattr(queries, "list_shares", lambda line_id, *, lock=False: plain(line_id))
    reserved, _refused, wrong = rush(app, line.id)
    assert reserved == 10
    assert all("ck_allocations_promises_within_authority" in str(error) for error in wrong)
    database.session.rollback()
    assert totals(line).left == 0


# --- in any order --------------------------------------------------------------------------------------------------


class Money(RuleBasedStateMachine):
    """Any order of movements on two lines and three sources keeps the books: nothing is made, nothing is lost."""

    app = None

    @initialize()
    def begin(self) -> None:
        self.context = self.app.app_context()
        self.context.push()
        union = small_tree().federation_county
        self.sources = [make_source(union, name, 300, cash=cash) for name, cash in (("甲", 120), ("乙", 300), ("丙", 0))]
        first, second, third = self.sources
        made = make_budget(
            union, [line_values("一", {first: 120, second: 80}), mix("二", 200, {first: 40, second: 40, third: 20})]
        )
        self.lines, self.causes = list(made.lines.values()), [cause(str(n)) for n in range(3)]
        self.given = {line.id: queries.totals_of_line(line.id).authority for line in self.lines}
        database.session.commit()

    def attempt(self, command, **values) -> None:
        """What is refused leaves nothing behind."""
        try:
            with database.session.begin_nested():
                command(by=SYSTEM, **values)
        except Refused:
            pass

    amounts = st.decimals(min_value="0.01", max_value="150", places=2)

    @rule(line=st.integers(0, 1), number=st.integers(0, 2), amount=amounts)
    def reserve(self, line, number, amount) -> None:
        self.attempt(commands.reserve, line_id=self.lines[line].id, amount=amount, cause=self.causes[number], falls_on=DAY)

    @rule(
        number=st.integers(0, 2),
        amount=st.none() | amounts,
        which=st.sampled_from(["release", "spend", "reverse", "pay", "refund"]),
    )
    def move(self, number, amount, which) -> None:
        self.attempt(getattr(commands, which), cause=self.causes[number], amount=amount)

    @rule(source=st.integers(0, 2), amount=amounts, kind=st.sampled_from(["receive", "return"]))
    def cash(self, source, amount, kind) -> None:
        from portal.welfare.ledger.models import EntryKind

        self.attempt(commands.move_cash, kind=EntryKind(kind), source=self.sources[source], amount=amount, cause=self.causes[0])

    @invariant()
    def the_books_balance(self) -> None:
        if not hasattr(self, "lines"):
            return
        database.session.flush()
        for line in self.lines:
            now = queries.totals_of_line(line.id)
            assert now.authority == self.given[line.id] == now.left + now.reserved + now.spent
            assert now.left >= 0
            assert now.reserved >= 0
            assert 0 <= now.paid <= now.spent
        for cash, paid in database.session.execute(sa.select(Source.cash, Source.paid)):
            assert cash >= paid >= 0
        sums = sa.select(LedgerEntry.kind, sa.func.sum(LedgerEntry.amount)).group_by(LedgerEntry.kind)
        entered = dict(database.session.execute(sums).all())
        held = database.session.execute(
            sa.select(*(sa.func.sum(column) for column in (Allocation.reserved, Allocation.spent, Allocation.paid)))
        ).one()
        at = {kind.value: amount for kind, amount in entered.items()}
        take = lambda *names: sum(at.get(name, Decimal(0)) for name in names)  # noqa: E731 - read once, just below
        assert held[0] == take("reserve") - take("release", "spend")
        assert held[1] == take("spend") - take("reverse")
        assert held[2] == take("pay") - take("refund")
        own = sa.select(*(sa.func.sum(column) for column in (Commitment.reserved, Commitment.spent, Commitment.paid)))
        assert tuple(amount or 0 for amount in database.session.execute(own).one()) == tuple(held)

    def teardown(self) -> None:
        from tests.conftest import _EMPTY

        if hasattr(self, "context"):
            database.session.rollback()
            database.session.remove()
            with database.engine.begin() as connection:
                connection.execute(_EMPTY)
            self.context.pop()


def test_any_order_of_movements_keeps_the_books(application):
    Money.app = application
    from hypothesis.stateful import run_state_machine_as_test

    quick = settings(max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Money, settings=quick)
