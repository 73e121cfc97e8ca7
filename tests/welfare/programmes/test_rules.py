"""Programmes by values alone: giving, booking with all boundaries, submitting, opening, deciding, the tree."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import SHANGHAI
from portal.types import Level, new_id
from portal.welfare.eligibility.models import Audience, EligibilityRule
from portal.welfare.programmes import rules
from portal.welfare.programmes.models import BookingDays, Charge, Programme, ProgrammeStatus, Way
from portal.welfare.programmes.rules import Node, ProgrammeValues

S = ProgrammeStatus
FIRST, LAST = date(2026, 12, 1), date(2027, 1, 31)


def programme(**values) -> Programme:
    """An open programme over the turn of the year, walked in to and booked."""
    known = {"status": S.OPEN, "starts_on": FIRST, "ends_on": LAST, "ways": ["walk_in", "book"], "item_id": uuid4(),
             "booking_days": BookingDays.AHEAD, "days_ahead": 7, "booking_opens_at": None, "cancel_hours": 2, "grace_minutes": 10,
             "price": Decimal(0), "charge": Charge.NOTHING, "quota": None, "pending": None, "everywhere": True,
             "summary": "免费。"}  # fmt: skip
    return Programme(**known | values)


def at(day: date, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    """A moment of Shanghai."""
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=SHANGHAI).astimezone(UTC)


def codes(problems) -> list[str]:
    return [problem.code for problem in problems]


# --- giving --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "found"),
    [(FIRST - timedelta(days=1), ["before"]), (FIRST, []), (date(2026, 12, 31), []), (date(2027, 1, 1), []), (LAST, []),
     (LAST + timedelta(days=1), ["after"])],
)  # fmt: skip
def test_the_first_and_the_last_day_belong_to_the_period(on, found):
    """Both ends are included, and the year's turn is a day like others."""
    assert codes(rules.problems_with_giving(programme(), on)) == found


@pytest.mark.parametrize("status", list(S))
def test_only_what_is_open_is_given_and_a_pause_keeps_what_was_booked(status):
    """Every status answers; paused gives to whoever has a place."""
    found = codes(rules.problems_with_giving(programme(status=status), FIRST))
    assert found == {S.OPEN: [], S.PAUSED: ["paused"]}.get(status, ["not_open"])
    booked = codes(rules.problems_with_giving(programme(status=status), FIRST, booked=True))
    assert booked == ([] if status in (S.OPEN, S.PAUSED) else ["not_open"])


# --- booking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [1, 7, 180])
def test_days_ahead_include_their_last_day_and_today(ahead):
    """ "Within 7 days" includes the seventh; the eighth says from when it can be booked."""
    open_for_long = programme(days_ahead=ahead, starts_on=FIRST, ends_on=date(2030, 1, 1))
    today = date(2026, 12, 20)
    assert rules.problems_with_booking(open_for_long, today, at(today)) == []
    assert rules.problems_with_booking(open_for_long, today + timedelta(days=ahead), at(today)) == []
    late = rules.problems_with_booking(open_for_long, today + timedelta(days=ahead + 1), at(today))
    assert codes(late) == ["too_far"] and late[0].says.values["day"] == today + timedelta(days=1)
    assert codes(rules.problems_with_booking(open_for_long, today - timedelta(days=1), at(today))) == ["past"]


def test_next_day_only_turns_at_midnight_of_shanghai():
    """At 23:59:59 the morrow of today, a second later the morrow of the new day; the year's turn included."""
    one = programme(booking_days=BookingDays.NEXT_DAY)
    eve, new_year = date(2026, 12, 31), date(2027, 1, 1)
    before, after = at(eve, 23, 59, 59), at(new_year, 0, 0, 0)
    assert after - before == timedelta(seconds=1) and before.date() == after.date()  # the same day in UTC
    assert rules.problems_with_booking(one, new_year, before) == []
    assert codes(rules.problems_with_booking(one, new_year, after)) == ["next_day_only"]
    assert rules.problems_with_booking(one, date(2027, 1, 2), after) == []
    far = rules.problems_with_booking(one, date(2027, 1, 2), before)
    assert codes(far) == ["next_day_only"] and far[0].says.values["day"] == new_year


def test_same_day_only_turns_at_midnight_of_shanghai():
    """The day itself from its first moment to its last."""
    one, day = programme(booking_days=BookingDays.SAME_DAY), date(2027, 1, 1)
    assert codes(rules.problems_with_booking(one, day, at(date(2026, 12, 31), 23, 59, 59))) == ["same_day_only"]
    assert rules.problems_with_booking(one, day, at(day, 0, 0, 0)) == []
    assert rules.problems_with_booking(one, day, at(day, 23, 59, 59)) == []
    assert codes(rules.problems_with_booking(one, day, at(date(2027, 1, 2), 0, 0, 0))) == ["past"]


def test_booking_opens_at_its_very_second():
    """The moment itself is open; a second before says when."""
    opens = at(date(2026, 12, 8), 10)
    one = programme(booking_opens_at=opens)
    assert rules.problems_with_booking(one, date(2026, 12, 9), opens) == []
    early = rules.problems_with_booking(one, date(2026, 12, 9), opens - timedelta(seconds=1))
    assert codes(early) == ["opens_later"] and early[0].says.values["moment"] == opens


def test_booking_keeps_to_the_period_and_to_what_is_booked():
    """Outside the period, paused, or walk-in only: a word for each."""
    now = at(date(2027, 1, 30))
    assert rules.problems_with_booking(programme(), LAST, now) == []
    assert codes(rules.problems_with_booking(programme(), LAST + timedelta(days=1), now)) == ["after"]
    assert codes(rules.problems_with_booking(programme(status=S.PAUSED), LAST, now)) == ["paused"]
    assert codes(rules.problems_with_booking(programme(status=S.CLOSED), LAST, now)) == ["not_open"]
    assert codes(rules.problems_with_booking(programme(ways=["walk_in", "code"]), LAST, now)) == ["no_booking"]
    assert rules.problems_with_booking(programme(ways=["enrol"]), LAST, now) == []


@given(
    st.sampled_from(list(BookingDays)), st.integers(1, 180), st.datetimes(datetime(2026, 1, 1), datetime(2028, 3, 1)),
    st.integers(-5, 200),
)  # fmt: skip
def test_a_day_is_bookable_exactly_within_the_bookable_days(kind, ahead, moment, offset):
    """`bookable_days` and `problems_with_booking` never disagree, whatever the hour."""
    one = programme(booking_days=kind, days_ahead=ahead, starts_on=date(2025, 1, 1), ends_on=date(2030, 1, 1))
    now = moment.replace(tzinfo=SHANGHAI)
    day = moment.date() + timedelta(days=offset)
    first, last = rules.bookable_days(one, moment.date())
    assert (not rules.problems_with_booking(one, day, now.astimezone(UTC))) is (first <= day <= last)


# --- entering, submitting, deciding --------------------------------------------------------------------------------


def values(**more) -> ProgrammeValues:
    known = {"name": "体检", "summary": "免费。", "starts_on": FIRST, "ends_on": LAST, "item_id": uuid4(), "ways": ("book",)}
    return ProgrammeValues(**known | more)


def test_what_keeps_a_programme_from_being_written_down():
    """Period, fen, ways, line and price, headings."""
    assert rules.problems_with_values(values()) == []
    assert rules.problems_with_values(values(ends_on=FIRST)) == []  # one day is a period
    assert codes(rules.problems_with_values(values(ends_on=FIRST - timedelta(days=1)))) == ["period"]
    assert codes(rules.problems_with_values(values(price=Decimal("0.001")))) == ["fen"]
    assert codes(rules.problems_with_values(values(ways=()))) == ["no_way"]
    assert codes(rules.problems_with_values(values(charge=Charge.PER_PLACE))) == ["no_line", "no_price"]
    paid = values(charge=Charge.PER_PLACE, budget_line_id=uuid4(), price=Decimal("0.01"))
    assert rules.problems_with_values(paid) == []
    assert codes(rules.problems_with_values(values(booking_opens_at=at(LAST, 23)))) == []
    assert codes(rules.problems_with_values(values(booking_opens_at=at(LAST + timedelta(days=1), 0)))) == ["opens_late"]
    heading = values(item_id=None, ways=())
    assert rules.problems_with_values(heading) == []
    assert codes(rules.problems_with_values(values(item_id=None, charge=Charge.GOODS))) == ["heading", "heading_money"]


def submitting(one: Programme, today: date = FIRST, places: int = 1, rule_known: bool = True) -> list[str]:
    return codes(rules.problems_with_submitting(one, today=today, places=places, rule_known=rule_known))


def test_what_is_missing_before_it_is_handed_in():
    """Words, a period that is not over, a place, a rule; a heading needs neither place nor rule."""
    draft = programme(status=S.DRAFT)
    assert submitting(draft) == [] and submitting(draft, today=LAST) == []
    assert submitting(draft, today=LAST + timedelta(days=1)) == ["past"]
    assert submitting(programme(status=S.DRAFT, summary="")) == ["no_summary"]
    assert submitting(programme(status=S.DRAFT, everywhere=False), places=0) == ["no_place"]
    assert submitting(programme(status=S.DRAFT, everywhere=False), places=1) == []
    assert submitting(draft, rule_known=False) == ["no_rule"]
    assert submitting(programme(status=S.DRAFT, item_id=None, everywhere=False), places=0, rule_known=False) == []
    assert all(submitting(programme(status=one)) == ["not_draft"] for one in S if one is not S.DRAFT)


def test_a_line_that_is_too_short_for_the_whole_quota_is_said_and_not_refused():
    """Amber, because the ledger itself refuses when it comes to it; the very sum is enough."""
    one = programme(charge=Charge.PER_PLACE, quota=10, price=Decimal(500), status=S.SUBMITTED)
    assert rules.problems_with_money(one, Decimal(5000)) == []
    short = rules.problems_with_money(one, Decimal("4999.99"))
    assert codes(short) == ["line_short"] and short[0].level is Level.AMBER
    one.status = S.OPEN  # what was booked is taken from the line already
    assert rules.problems_with_money(one, Decimal("4999.99")) == []


def test_nobody_decides_their_own():
    """Neither a draft nor a change; what does not wait is not decided."""
    me, other = new_id(), new_id()
    mine = programme(status=S.SUBMITTED, proposed_by_account_id=me)
    assert codes(rules.problems_with_deciding(mine, me)) == ["own_proposal"] and rules.problems_with_deciding(mine, other) == []
    change = programme(pending={"quota": 5}, pending_by_account_id=me, proposed_by_account_id=other)
    assert codes(rules.problems_with_deciding(change, me)) == ["own_proposal"]
    assert rules.problems_with_deciding(change, other) == []
    assert codes(rules.problems_with_deciding(programme(), other)) == ["not_submitted"]


def test_opening_needs_an_approved_rule_and_a_day_of_the_period():
    """What is booked may open before its first day, so that people can book; what is walked in to may not."""
    walk_in = programme(status=S.APPROVED, ways=["walk_in"])
    before = FIRST - timedelta(days=1)

    def opening(one, today, approved=True):
        return codes(rules.problems_with_opening(one, today=today, rule_approved=approved))

    assert opening(walk_in, FIRST) == [] and opening(walk_in, LAST) == []
    assert opening(walk_in, before) == ["before"] and opening(walk_in, LAST + timedelta(days=1)) == ["past"]
    assert opening(programme(status=S.APPROVED), before) == []
    assert opening(walk_in, FIRST, approved=False) == ["no_rule"]


def test_a_change_survives_the_way_through_the_database():
    """Dates, money, numbers and nothing come back in their types."""
    changes = {"starts_on": FIRST, "ends_on": LAST, "quota": None, "price": Decimal("12.50"), "charge": Charge.GOODS,
               "budget_line_id": uuid4()}  # fmt: skip
    assert rules.read_pending(rules.plain(changes)) == changes
    assert rules.read_pending(rules.plain({"quota": 7, "budget_line_id": None})) == {"quota": 7, "budget_line_id": None}


# --- the tree ------------------------------------------------------------------------------------------------------


def test_the_tree_is_walked_from_the_top_with_counts():
    """A home, two actions, a task: depth and what stands beneath, open ones apart; a lost parent begins a tree of its own."""

    def one(ident, parent=None, item=None, status=S.OPEN):
        return Node(SimpleNamespace(id=ident, parent_id=parent, item_id=item, status=status), "总工会")

    nodes = [one("home"), one("a", "home"), one("b", "home"), one("task", "a"), one("p1", "task", "i"),
             one("p2", "task", "i", S.DRAFT), one("p3", "b", "i"), one("lost", "elsewhere")]  # fmt: skip
    ordered = rules.arrange(nodes)
    assert [(node.programme.id, node.depth) for node in ordered] == [
        ("home", 0), ("a", 1), ("task", 2), ("p1", 3), ("p2", 3), ("b", 1), ("p3", 2), ("lost", 0)]  # fmt: skip
    counts = {node.programme.id: (node.beneath, node.open_beneath) for node in ordered}
    assert (counts["home"], counts["a"], counts["b"], counts["p1"]) == ((3, 2), (2, 1), (1, 1), (0, 0))


def test_every_way_and_every_booking_rule_is_said():
    """No way is silent; what is not booked says nothing of booking."""
    assert len(rules.says_ways([one.value for one in Way])) == len(Way)
    assert rules.says_booking(programme(ways=["walk_in"])) == []
    for kind in BookingDays:
        assert rules.says_booking(programme(booking_days=kind))
    opens = datetime(2026, 11, 3, 2, tzinfo=UTC)
    later, past = (rules.says_booking(programme(booking_opens_at=opens), opens + timedelta(days=days)) for days in (-1, 1))
    assert len(later) == len(past) + 1 and "Booking opens on %(moment)s." not in {one.message for one in past}


def test_for_whom_is_said_without_how_often():
    """A programme for women of an age is not called open to anyone; a limit alone keeps nobody out."""
    asked = EligibilityRule(
        audience=Audience.ANYONE, occupations=["courier"], employers=[], sex="female", min_age=30, max_age=60,
        interval_months=24, priority_groups=[], first_hours=0,
    )  # fmt: skip
    assert len(rules.says_whom(asked)) == 3
    free = EligibilityRule(
        audience=Audience.ANYONE, occupations=[], employers=[], interval_months=12, priority_groups=[], first_hours=0
    )
    assert rules.says_whom(free) == [] == rules.says_whom(None)
