"""Every boundary of a rule: ages, months, limits, standing, first hours; and what is said where a fact is not on record."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from portal.types import Level
from portal.vocabulary import Occupation
from portal.welfare.eligibility import rules
from portal.welfare.eligibility.models import Audience, LimitPeriod, PriorityGroup, Receipt, RuleValues, Standing
from portal.welfare.eligibility.rules import Facts

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
TODAY = date(2026, 11, 22)
ITEM, PROGRAMME, OTHER_PROGRAMME = UUID(int=1), UUID(int=2), UUID(int=3)
HOME, COUNTY = UUID(int=11), UUID(int=12)


def facts(**values) -> Facts:
    known = {
        "occupation": Occupation.COURIER, "sex": "female", "born_on": date(1990, 5, 17), "from_document": True,
        "home_union_ids": frozenset({HOME, COUNTY}),
    }  # fmt: skip
    return Facts(**known | values)


def codes(rule: RuleValues, facts: Facts, receipts=(), on: date = TODAY) -> list[str]:
    return [one.code for one in rules.problems_with_person(rule, facts, receipts, on, now=NOW)]


def had(on: date, **values) -> Receipt:
    return Receipt(**{"on": on, "item_id": ITEM, "programme_id": PROGRAMME} | values)


# --- ages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        (date(1991, 11, 22), []),  # 35 today: 35 以上 includes 35, and the birthday itself counts
        (date(1991, 11, 23), ["too_young"]),
        (date(1966, 11, 23), []),  # 59 until tomorrow
        (date(1966, 11, 22), []),  # 60 today: 60 以下 includes 60
        (date(1965, 11, 23), []),  # the last day of being 60
        (date(1965, 11, 22), ["too_old"]),  # 61 today
    ],
)
def test_both_ends_of_an_age_are_included(born, expected):
    assert codes(RuleValues(min_age=35, max_age=60), facts(born_on=born)) == expected


def test_who_was_born_on_29_february_has_a_birthday_each_year():
    born = date(2000, 2, 29)
    assert rules.age_on(born, date(2026, 2, 27)) == 25
    assert rules.age_on(born, date(2026, 2, 28)) == 26
    assert rules.age_on(born, date(2028, 2, 28)) == 27
    assert rules.age_on(born, date(2028, 2, 29)) == 28


def test_too_young_says_from_when():
    (problem,) = rules.problems_with_facts(RuleValues(min_age=35), facts(born_on=date(1991, 12, 1)), TODAY)
    assert problem.says.values["day"] == date(2026, 12, 1)


def test_what_is_not_on_record_is_asked_for_and_no_refusal():
    unknown = facts(sex=None, born_on=None, from_document=False)
    found = rules.problems_with_facts(RuleValues(sex="female", min_age=35), unknown, TODAY)
    assert [(one.code, one.level, one.field) for one in found] == [
        ("sex_unknown", Level.AMBER, "sex"), ("born_unknown", Level.AMBER, "born_on")
    ]  # fmt: skip
    assert rules.fits(RuleValues(sex="female"), unknown, TODAY) is None
    # Who is out for another reason is told that one, and is not asked for more.
    assert rules.fits(RuleValues(sex="female", occupations=("truck_driver",)), unknown, TODAY) is False


def test_what_was_only_said_is_looked_at():
    said = facts(from_document=False)
    assert codes(RuleValues(min_age=18), said) == ["stated"]
    assert codes(RuleValues(min_age=18), facts()) == []
    assert codes(RuleValues(), said) == []


# --- standing, occupation, place, employer -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audience", "standing", "expected"),
    [
        (Audience.ANYONE, Standing.ANYONE, []),
        (Audience.ANYONE, Standing.RETAINED, []),  # open to anyone stays open to a retained member
        (Audience.APPLICANT, Standing.ANYONE, ["applicants_only"]),
        (Audience.APPLICANT, Standing.APPLICANT, []),
        (Audience.APPLICANT, Standing.MEMBER, []),
        (Audience.APPLICANT, Standing.RETAINED, ["retained"]),
        (Audience.MEMBER, Standing.ANYONE, ["members_only"]),
        (Audience.MEMBER, Standing.APPLICANT, ["members_only"]),
        (Audience.MEMBER, Standing.MEMBER, []),
        (Audience.MEMBER, Standing.RETAINED, ["retained"]),
    ],
)
def test_standing(audience, standing, expected):
    assert codes(RuleValues(audience=audience), facts(standing=standing)) == expected


def test_a_rule_is_open_to_anyone_unless_it_says_otherwise():
    assert RuleValues().audience is Audience.ANYONE
    assert codes(RuleValues(), Facts(occupation=Occupation.OTHER, known=False)) == []


def test_occupation_union_and_employer():
    assert codes(RuleValues(occupations=("courier", "truck_driver")), facts()) == []
    assert codes(RuleValues(occupations=("truck_driver",)), facts()) == ["occupation"]
    assert codes(RuleValues(within_union_id=COUNTY), facts()) == []
    assert codes(RuleValues(within_union_id=UUID(int=99)), facts()) == ["other_union"]
    works = facts(employers=frozenset({rules.plain_employer("中通 快递（Zhengzhou）")}))
    assert codes(RuleValues(employers=("中通快递(zhengzhou)",)), works) == []
    assert codes(RuleValues(employers=("圆通",)), works) == ["other_employer"]


def test_of_a_stranger_it_is_said_what_is_not_known():
    stranger = Facts(occupation=Occupation.COURIER, known=False)
    rule = RuleValues(within_union_id=COUNTY, employers=("圆通",), sex="male", min_age=18)
    assert set(codes(rule, stranger)) == {"union_unknown", "employer_unknown", "sex_unknown", "born_unknown"}
    assert rules.fits(rule, stranger, TODAY) is None


# --- interval and limit --------------------------------------------------------------------------------------------


def test_months_end_where_the_month_ends():
    assert rules.add_months(date(2027, 1, 31), 1) == date(2027, 2, 28)
    assert rules.add_months(date(2028, 1, 31), 1) == date(2028, 2, 29)
    assert rules.add_months(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert rules.add_months(date(2026, 12, 15), 1) == date(2027, 1, 15)
    assert rules.add_months(date(2028, 2, 29), -12) == date(2027, 2, 28)


def test_had_in_august_again_from_the_next_august_on():
    rule, august = RuleValues(interval_months=12), had(date(2026, 8, 15))
    (problem,) = rules.problems_with_person(rule, facts(), [august], TODAY, now=NOW)
    assert problem.code == "interval" and problem.says.values == {"day": date(2026, 8, 15), "next": date(2027, 8, 15)}
    assert codes(rule, facts(), [august], date(2027, 8, 14)) == ["interval"]
    assert codes(rule, facts(), [august], date(2027, 8, 15)) == []
    assert rules.next_on(rule, [august], TODAY) == date(2027, 8, 15)
    assert rules.next_on(rule, [august], date(2027, 8, 15)) is None


def test_a_booking_ahead_keeps_its_distance_to_both_sides():
    rule, booked = RuleValues(interval_months=1), had(date(2026, 12, 20), booking_id=UUID(int=5))
    assert codes(rule, facts(), [booked], date(2026, 11, 20)) == []
    assert codes(rule, facts(), [booked], date(2026, 11, 21)) == ["interval"]
    (problem,) = rules.problems_with_person(rule, facts(), [booked], TODAY, now=NOW)
    assert problem.says.message.startswith("Booked for") and problem.says.values["next"] == date(2027, 1, 20)


def test_how_to_say_ones_sex_and_birth_date_is_said_once():
    both = rules.problems_with_facts(RuleValues(sex="female", min_age=30), facts(sex=None, born_on=None), TODAY)
    assert [one.code for one in both] == ["sex_unknown", "born_unknown"]
    assert ["Say it under" in one.says.message for one in both] == [False, True]
    (alone,) = rules.problems_with_facts(RuleValues(sex="female"), facts(sex=None, born_on=None), TODAY)
    assert "Say it under" in alone.says.message


def test_from_when_is_said_once_and_only_if_there_is_such_a_day():
    august = had(date(2026, 8, 15))
    never = RuleValues(interval_months=12, person_limit=1, limit_period=LimitPeriod.PROGRAMME)
    interval, limit = rules.problems_with_person(never, facts(), [august], TODAY, now=NOW)
    assert interval.says.message == "Received on %(day)s." and "reached" in limit.says.message
    yearly = RuleValues(interval_months=12, person_limit=1, limit_period=LimitPeriod.YEAR)
    interval, limit = rules.problems_with_person(yearly, facts(), [august], TODAY, now=NOW)
    assert interval.says.values["next"] == date(2027, 8, 15) and limit.says.message == "%(limit)s."


@pytest.mark.parametrize(
    ("period", "received", "expected", "next_day"),
    [
        (LimitPeriod.DAY, TODAY, ["limit"], date(2026, 11, 23)),
        (LimitPeriod.DAY, date(2026, 11, 21), [], None),
        (LimitPeriod.MONTH, date(2026, 11, 1), ["limit"], date(2026, 12, 1)),
        (LimitPeriod.MONTH, date(2026, 10, 31), [], None),
        (LimitPeriod.YEAR, date(2026, 1, 1), ["limit"], date(2027, 1, 1)),
        (LimitPeriod.YEAR, date(2025, 12, 31), [], None),
        (LimitPeriod.PROGRAMME, date(2024, 1, 1), ["limit"], None),
    ],
)
def test_a_limit_counts_in_its_period(period, received, expected, next_day):
    rule = RuleValues(person_limit=1, limit_period=period)
    assert codes(rule, facts(), [had(received)]) == expected
    assert rules.next_on(rule, [had(received)], TODAY) == next_day


def test_a_limit_counts_pieces_and_only_its_own_programme():
    class Stored(RuleValues):
        programme_id = PROGRAMME

    rule = Stored(person_limit=3, limit_period=LimitPeriod.MONTH)
    assert codes(rule, facts(), [had(TODAY, quantity=2)]) == []
    assert codes(rule, facts(), [had(TODAY, quantity=3)]) == ["limit"]
    assert codes(rule, facts(), [had(TODAY, quantity=3, programme_id=OTHER_PROGRAMME)]) == []
    found = rules.problems_with_person(rule, facts(), [had(TODAY)], TODAY, now=NOW, quantity=3)
    assert [one.code for one in found] == ["limit"]


def test_the_next_day_satisfies_interval_limit_and_age_together():
    rule = RuleValues(interval_months=1, person_limit=2, limit_period=LimitPeriod.YEAR, min_age=37)
    received = [had(date(2026, 10, 1)), had(date(2026, 11, 10))]
    assert rules.next_on(rule, received, TODAY) == date(2027, 1, 1)
    assert rules.next_on(rule, received, TODAY, facts()) == date(2027, 5, 17)
    assert rules.next_on(RuleValues(min_age=30, max_age=36), [], TODAY, facts(born_on=date(1980, 1, 1))) is None


def test_of_somebody_unknown_nothing_is_counted():
    rule = RuleValues(interval_months=12, person_limit=1, limit_period=LimitPeriod.DAY)
    assert codes(rule, facts(known=False), [had(TODAY)]) == []


# --- who comes first -----------------------------------------------------------------------------------------------

GROUPS = (PriorityGroup.MEMBER.value, PriorityGroup.NEW_FORM_WORKER.value, PriorityGroup.NOT_HAD_FOR_LONG.value)


def test_priority_follows_the_order_of_the_groups():
    rule, lately = RuleValues(priority_groups=GROUPS), [had(date(2026, 1, 1))]
    assert rules.priority_of(rule, facts(standing=Standing.MEMBER, is_new_form_worker=True), lately, TODAY) == 10
    assert rules.priority_of(rule, facts(is_new_form_worker=True), lately, TODAY) == 20
    assert rules.priority_of(rule, facts(standing=Standing.RETAINED), lately, TODAY) == rules.LAST
    assert rules.priority_of(rule, facts(), [had(date(2024, 11, 22))], TODAY) == 30
    assert rules.priority_of(rule, facts(), [had(date(2024, 11, 23))], TODAY) == rules.LAST
    assert rules.priority_of(RuleValues(), facts(standing=Standing.MEMBER), (), TODAY) == rules.LAST
    migrant = RuleValues(priority_groups=(PriorityGroup.MIGRANT_WORKER.value,))
    assert rules.priority_of(migrant, facts(is_migrant_worker=True), (), TODAY) == 10


def test_the_first_hours_are_for_who_comes_first():
    rule = RuleValues(priority_groups=(PriorityGroup.MEMBER.value,), first_hours=24)
    for at, refused in ((NOW, True), (NOW + timedelta(hours=24, seconds=-1), True), (NOW + timedelta(hours=24), False)):
        assert bool(rules.problems_with_window(rule, facts(), NOW, at)) is refused
        assert not rules.problems_with_window(rule, facts(standing=Standing.MEMBER), NOW, at)
    assert not rules.problems_with_window(rule, facts(), None, NOW)
    assert rules.problems_with_window(rule, facts(standing=Standing.RETAINED), NOW, NOW)


# --- proposing, words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"min_age": 121}, "min_age"), ({"max_age": -1}, "max_age"), ({"min_age": 40, "max_age": 39}, "max_age"),
        ({"interval_months": 0}, "interval_months"), ({"interval_months": 121}, "interval_months"),
        ({"person_limit": 1}, "limit_period"), ({"limit_period": LimitPeriod.DAY}, "person_limit"),
        ({"person_limit": 0, "limit_period": LimitPeriod.DAY}, "person_limit"), ({"first_hours": 24}, "priority_groups"),
        ({"first_hours": 721, "priority_groups": ("member",)}, "first_hours"),
    ],
)  # fmt: skip
def test_what_cannot_be_proposed(values, field):
    assert [one.field for one in rules.problems_with_values(RuleValues(**values), None)] == [field]


def test_the_edges_can_be_proposed_and_the_same_again_cannot():
    edges = RuleValues(min_age=0, max_age=120, interval_months=120, person_limit=1, limit_period=LimitPeriod.DAY, first_hours=720,
                       priority_groups=("member",), reason="一")  # fmt: skip
    assert rules.problems_with_values(edges, None) == []
    assert rules.problems_with_values(RuleValues(min_age=35, max_age=35), edges) == []
    assert [one.code for one in rules.problems_with_values(edges, RuleValues(**edges.columns() | {"reason": "二", "priority_groups": ("member",), "occupations": (), "employers": ()}))] == ["same"]  # fmt: skip # noqa: E501


def test_what_is_frozen_holds_no_birth_date():
    frozen = facts(standing=Standing.MEMBER).frozen(TODAY)
    assert frozen["age"] == 36 and frozen["standing"] == "member" and "1990-05-17" not in str(frozen)


def test_a_rule_is_said_line_by_line():
    rule = RuleValues(audience=Audience.MEMBER, occupations=("courier", "truck_driver"), sex="female", min_age=35,
                      within_union_id=COUNTY, interval_months=12, person_limit=1, limit_period=LimitPeriod.YEAR)  # fmt: skip
    said = [str(line) for line in rules.says_rule(rule, {COUNTY: "金水区"})]
    assert said == [
        "For union members.", "For these occupations: courier, truck_driver.", "For women.", "For ages 35 and above.",
        "For people whose home union belongs to: 金水区.", "Again after 12 months at the earliest.",
        "At most 1 per person year.",
    ]  # fmt: skip
