"""What a rule of eligibility says about one person, from values alone: whether, why not, from when, and who comes first.

A rule reads facts (occupation, sex, birth date, standing, home union, employer) and receipts (what was received or is
booked). Every answer is a list of problems in words. A fact that is not on record is no refusal: it is said what is missing and
how to give it (amber). `queries.matching` says the part about facts once more in SQL, for a count; a test compares the two.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from portal.clock import business_day, next_month
from portal.types import N_, Level, Problem, Text, text, tidy
from portal.vocabulary import Occupation
from portal.welfare.eligibility.models import Audience, EligibilityRule, LimitPeriod, PriorityGroup, Receipt, RuleValues, Standing

LONG = 24  # months without it, after which somebody counts as not having had it for long
LAST = 100  # the priority of whoever is in no group


@dataclass(frozen=True)
class Facts:
    """What is known of a person. ``home_union_ids``: their home union and all above it; ``employers``: plain names.

    ``known`` False: nobody on record, only what they said; then nothing can be counted per person.
    """

    occupation: Occupation
    sex: Literal["female", "male"] | None = None
    born_on: date | None = None
    standing: Standing = Standing.ANYONE
    home_union_ids: frozenset[UUID] = frozenset()
    employers: frozenset[str] = frozenset()
    is_new_form_worker: bool = False
    is_migrant_worker: bool = False
    from_document: bool = False
    known: bool = True

    def frozen(self, on: date | None = None) -> dict[str, Any]:
        """As a decision keeps them: no name, phone or number; the age on a day instead of the birth date."""
        age = age_on(self.born_on, on) if self.born_on and on else None
        return {
            "occupation": self.occupation.value, "sex": self.sex, "age": age,
            "born_year": self.born_on.year if self.born_on else None, "from_document": self.from_document,
            "standing": self.standing.value, "home_union_ids": sorted(str(one) for one in self.home_union_ids),
            "employers": sorted(self.employers), "is_new_form_worker": self.is_new_form_worker,
            "is_migrant_worker": self.is_migrant_worker, "known": self.known,
        }  # fmt: skip


Rule = EligibilityRule | RuleValues
SEXES = {"female": text(N_("women")), "male": text(N_("men"))}


# --- days and names ------------------------------------------------------------------------------------------------


def add_months(day: date, months: int) -> date:
    """So many calendar months on; where that month has no such day, its last one. The database's intervals do the same.

    >>> add_months(date(2027, 1, 31), 1)
    datetime.date(2027, 2, 28)
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def age_on(born_on: date, on: date) -> int:
    """Whole years on a day; the birthday itself counts. Who was born on 29 February has it on the 28th in common years."""
    years = on.year - born_on.year
    return years if add_months(born_on, 12 * years) <= on else years - 1


def plain_employer(name: str | None) -> str:
    """An employer's name as it is compared: without spaces, small letters, full-width forms made plain."""
    return re.sub(r"\s+", "", tidy(name) or "").lower()


# --- the person ----------------------------------------------------------------------------------------------------


def problems_with_facts(rule: Rule, facts: Facts, on: date, names: Mapping[UUID, str] | None = None) -> list[Problem]:
    """What of the facts keeps somebody out (red), or has to be told or looked at first (amber, code ``…_unknown`` or
    ``stated``). ``names``: the names of unions, where they are to be said."""
    found = [
        *_about_standing(rule, facts),
        *_about_occupation(rule, facts),
        *_about_sex(rule, facts),
        *_about_age(rule, facts, on),
        *_about_place(rule, facts, names or {}),
    ]
    asked = (rule.sex and facts.sex) or (facts.born_on and (rule.min_age is not None or rule.max_age is not None))
    if asked and facts.known and not facts.from_document and not any(one.level is Level.RED for one in found):
        says = N_("Age and sex are as you said them; bring your identity document along.")
        found.append(Problem("stated", text(says), Level.AMBER))
    return found


def _about_standing(rule: Rule, facts: Facts) -> list[Problem]:
    if rule.audience is Audience.ANYONE or facts.standing is Standing.MEMBER:
        return []
    if facts.standing is Standing.RETAINED:
        return [
            Problem("retained", text(N_("A retained membership carries no member rights; what is open to anyone stays open.")))
        ]
    if rule.audience is Audience.MEMBER:
        return [Problem("members_only", text(N_("This one is for union members.")))]
    if facts.standing is Standing.APPLICANT:
        return []
    return [Problem("applicants_only", text(N_("This one is for union members and for who applied to join.")))]


def _about_occupation(rule: Rule, facts: Facts) -> list[Problem]:
    if not rule.occupations or facts.occupation.value in rule.occupations:
        return []
    return [Problem("occupation", text(N_("For these occupations: %(names)s."), names=_occupations(rule)))]


def _about_sex(rule: Rule, facts: Facts) -> list[Problem]:
    if not rule.sex or facts.sex == rule.sex:
        return []
    if facts.sex is None:
        says = N_("This one is for %(whom)s; the sex is not on record. Say it under “What is there for me”, or show a document.")
        if facts.born_on is None and (rule.min_age, rule.max_age) != (None, None):  # then the birth date says how
            says = N_("This one is for %(whom)s; the sex is not on record.")
        return [Problem("sex_unknown", text(says, whom=SEXES[rule.sex]), Level.AMBER, "sex")]
    return [Problem("sex", text(N_("This one is for %(whom)s."), whom=SEXES[rule.sex]))]


def _about_age(rule: Rule, facts: Facts, on: date) -> list[Problem]:
    if rule.min_age is None and rule.max_age is None:
        return []
    if facts.born_on is None:
        says = N_("%(ages)s; the birth date is not on record. Say it under “What is there for me”, or show a document.")
        return [Problem("born_unknown", text(says, ages=says_ages(rule)), Level.AMBER, "born_on")]
    age = age_on(facts.born_on, on)
    if rule.min_age is not None and age < rule.min_age:
        says, from_on = N_("%(ages)s. Possible from %(day)s."), add_months(facts.born_on, 12 * rule.min_age)
        return [Problem("too_young", text(says, ages=says_ages(rule), day=from_on))]
    if rule.max_age is not None and age > rule.max_age:
        return [Problem("too_old", text(N_("%(ages)s."), ages=says_ages(rule)))]
    return []


def _about_place(rule: Rule, facts: Facts, names: Mapping[UUID, str]) -> list[Problem]:
    found = []
    if rule.within_union_id and rule.within_union_id not in facts.home_union_ids:
        where = names.get(rule.within_union_id) or text(N_("one union and its branches"))
        if facts.known or facts.home_union_ids:
            says = N_("For people whose home union belongs to: %(union)s.")
            found.append(Problem("other_union", text(says, union=where)))
        else:
            says = N_("For people whose home union belongs to: %(union)s. We do not know yours.")
            found.append(Problem("union_unknown", text(says, union=where), Level.AMBER))
    if rule.employers and not {plain_employer(one) for one in rule.employers} & facts.employers:
        whom = ", ".join(rule.employers)
        if facts.known or facts.employers:
            found.append(Problem("other_employer", text(N_("For people who work for: %(employers)s."), employers=whom)))
        else:
            says = N_("For people who work for: %(employers)s. We do not know where you work.")
            found.append(Problem("employer_unknown", text(says, employers=whom), Level.AMBER))
    return found


def fits(rule: Rule, facts: Facts, on: date) -> bool | None:
    """Whether the facts fit: None if that depends on a fact that is not on record. `queries.condition` is the same in SQL."""
    found = problems_with_facts(rule, facts, on)
    if any(one.level is Level.RED for one in found):
        return False
    return None if any(one.code.endswith("_unknown") for one in found) else True


# --- what was received before --------------------------------------------------------------------------------------


def problems_with_person(
    rule: Rule,
    facts: Facts,
    receipts: Iterable[Receipt],
    on: date,
    *,
    now: datetime,
    names: Mapping[UUID, str] | None = None,
    quantity: int = 1,
) -> list[Problem]:
    """Everything that stands against giving it to somebody on a day; red refuses, amber asks to look or to tell.

    ``receipts``: of the same item and of the same programme, without the booking that is being decided about.
    """
    found = problems_with_facts(rule, facts, on, names)
    if not facts.known:
        return found  # nothing was counted for somebody who is not on record
    receipts = list(receipts)
    next_day = next_on(rule, receipts, on, quantity=quantity)
    today = business_day(now)
    if clash := _in_interval(rule, receipts, on):
        if clash.booking_id and clash.on >= today:
            says = N_("Booked for %(day)s; possible again from %(next)s.") if next_day else N_("Booked for %(day)s.")
        else:
            says = N_("Received on %(day)s; possible again from %(next)s.") if next_day else N_("Received on %(day)s.")
        found.append(Problem("interval", text(says, day=clash.on, next=next_day)))
    if _over_limit(rule, receipts, on, quantity):
        limit = says_limit(rule)
        says = N_("%(limit)s; possible again from %(next)s.") if next_day else N_("%(limit)s; that was reached.")
        if next_day and clash:  # which has just said from when
            says = N_("%(limit)s.")
        found.append(Problem("limit", text(says, limit=limit, next=next_day)))
    return found


def _in_interval(rule: Rule, receipts: Iterable[Receipt], on: date) -> Receipt | None:
    """The latest receipt that a day is too near to, before it or after it."""
    months = rule.interval_months
    if not months:
        return None
    near = [one for one in receipts if on < add_months(one.on, months) and one.on < add_months(on, months)]
    return max(near, key=lambda one: one.on, default=None)


def _period(rule: Rule, day: date) -> tuple[date, date] | None:
    """First day and the day after the last of the time in which a limit counts; None: the whole programme."""
    if rule.limit_period is LimitPeriod.DAY:
        return day, day + timedelta(days=1)
    if rule.limit_period is LimitPeriod.MONTH:
        return day.replace(day=1), next_month(day)
    if rule.limit_period is LimitPeriod.YEAR:
        return date(day.year, 1, 1), date(day.year + 1, 1, 1)
    return None


def _over_limit(rule: Rule, receipts: Iterable[Receipt], on: date, quantity: int) -> bool:
    if not rule.person_limit:
        return False
    period, own = _period(rule, on), getattr(rule, "programme_id", None)
    counted = [one for one in receipts if own is None or one.programme_id == own]
    if period:
        counted = [one for one in counted if period[0] <= one.on < period[1]]
    return sum(one.quantity for one in counted) + quantity > rule.person_limit


def next_on(rule: Rule, receipts: Iterable[Receipt], on: date, facts: Facts | None = None, *, quantity: int = 1) -> date | None:
    """The first day after ``on`` that interval, limit (and, with ``facts``, the age) allow.

    None if they allow ``on`` itself, or no day ever.
    """
    receipts, day = list(receipts), on
    if rule.person_limit and quantity > rule.person_limit:
        return None
    for _step in range(2 * len(receipts) + 3):  # each step passes one receipt, one period or the birthday
        if facts and facts.born_on and rule.min_age is not None and age_on(facts.born_on, day) < rule.min_age:
            day = add_months(facts.born_on, 12 * rule.min_age)
        elif clash := _in_interval(rule, receipts, day):
            day = add_months(clash.on, rule.interval_months)
        elif _over_limit(rule, receipts, day, quantity):
            period = _period(rule, day)
            if period is None:
                return None
            day = period[1]
        else:
            break
    if facts and facts.born_on and rule.max_age is not None and age_on(facts.born_on, day) > rule.max_age:
        return None
    return day if day > on else None


# --- who comes first -----------------------------------------------------------------------------------------------


def _in_group(group: str, facts: Facts, receipts: Iterable[Receipt], on: date) -> bool:
    if group == PriorityGroup.MEMBER:
        return facts.standing is Standing.MEMBER
    if group == PriorityGroup.NEW_FORM_WORKER:
        return facts.is_new_form_worker
    if group == PriorityGroup.MIGRANT_WORKER:
        return facts.is_migrant_worker
    return facts.known and all(add_months(one.on, LONG) <= on for one in receipts)


def priority_of(rule: Rule, facts: Facts, receipts: Iterable[Receipt], on: date) -> int:
    """Somebody's place among the groups of a rule: lower comes first; the groups count in the order they stand."""
    receipts = list(receipts)
    places = (place for place, group in enumerate(rule.priority_groups) if _in_group(group, facts, receipts, on))
    first = next(places, None)
    return LAST if first is None else 10 * (first + 1)


def problems_with_window(
    rule: Rule,
    facts: Facts,
    opens_at: datetime | None,
    now: datetime,
    receipts: Iterable[Receipt] = (),
    on: date | None = None,
) -> list[Problem]:
    """What the first hours say: from ``opens_at``, for so many hours, only the priority groups may book."""
    if not opens_at or not rule.first_hours:
        return []
    open_to_all = opens_at + timedelta(hours=rule.first_hours)
    if now >= open_to_all or priority_of(rule, facts, receipts, on or business_day(now)) < LAST:
        return []
    says = N_("Until %(time)s it is kept for: %(groups)s. After that, everyone else may book, too.")
    return [Problem("first_hours", text(says, time=open_to_all, groups=_groups(rule)))]


# --- proposing and deciding ----------------------------------------------------------------------------------------

DECIDED = Problem("decided", text(N_("This version was decided already.")))


def problems_with_values(values: RuleValues, in_force: RuleValues | None) -> list[Problem]:
    """What keeps a version from being proposed."""
    found = []
    for name, limit in {"min_age": 120, "max_age": 120, "interval_months": 120, "first_hours": 720}.items():
        low, number = 1 if name == "interval_months" else 0, getattr(values, name)
        if number is not None and not low <= number <= limit:
            says = N_("This is a number from %(low)s to %(high)s.")
            found.append(Problem("range", text(says, low=low, high=limit), field=name))
    if values.min_age is not None and values.max_age is not None and values.min_age > values.max_age:
        found.append(Problem("ages", text(N_("The lower age is above the upper one.")), field="max_age"))
    if values.person_limit is not None and values.person_limit < 1:
        found.append(Problem("limit", text(N_("A limit is at least one.")), field="person_limit"))
    if (values.person_limit is None) != (values.limit_period is None):
        says = N_("Say both how many and in what time, or neither.")
        found.append(Problem("limit_half", text(says), field="limit_period" if values.person_limit else "person_limit"))
    if values.first_hours and not values.priority_groups:
        says = N_("Say who comes first, or leave the first hours at 0.")
        found.append(Problem("first_for_nobody", text(says), field="priority_groups"))
    if in_force and replace(values, reason=None) == replace(in_force, reason=None):
        found.append(Problem("same", text(N_("This is the rule that is in force already."))))
    return found


def problems_with_deciding(rule: EligibilityRule, account_id: UUID | None) -> list[Problem]:
    """Whether somebody may approve a version: it waits, and they did not propose it."""
    if rule.approved_at or rule.rejected_at:
        return [DECIDED]
    if account_id is None or account_id == rule.proposed_by_account_id:
        says = N_("Who proposes a rule does not approve it. Another person has to decide.")
        return [Problem("own_proposal", text(says))]
    return []


# --- words ---------------------------------------------------------------------------------------------------------


def _joined(parts: Sequence[Any]) -> Text | str:
    """Several words in one place; each is said in the reader's language."""
    if not parts:
        return ""
    joined: Any = parts[0]
    for part in parts[1:]:
        joined = text(N_("%(first)s, %(next)s"), first=joined, next=part)
    return joined


def _occupations(rule: Rule) -> Any:
    return _joined([Occupation(one) for one in rule.occupations])


def _groups(rule: Rule) -> Any:
    return _joined([PriorityGroup(one) for one in rule.priority_groups])


def says_ages(rule: Rule) -> Text:
    """The ages a rule asks for; both ends are included."""
    if rule.min_age is not None and rule.max_age is not None:
        return text(N_("For ages %(low)s to %(high)s, both included"), low=rule.min_age, high=rule.max_age)
    if rule.min_age is not None:
        return text(N_("For ages %(low)s and above"), low=rule.min_age)
    return text(N_("For ages up to and including %(high)s"), high=rule.max_age)


def says_limit(rule: Rule) -> Text:
    """A person's limit."""
    return text(N_("At most %(count)s per person %(period)s"), count=rule.person_limit, period=rule.limit_period)


def says_rule(rule: Rule, names: Mapping[UUID, str] | None = None) -> list[Text]:
    """A rule in human words, one line for each thing it asks; ``names`` of unions by id."""
    audience = {
        Audience.ANYONE: N_("Open to anyone; nobody has to be a member."),
        Audience.APPLICANT: N_("For union members and for who applied to join."),
        Audience.MEMBER: N_("For union members."),
    }
    said = [text(audience[rule.audience])]
    if rule.occupations:
        said.append(text(N_("For these occupations: %(names)s."), names=_occupations(rule)))
    if rule.sex:
        said.append(text(N_("For %(whom)s."), whom=SEXES[rule.sex]))
    if rule.min_age is not None or rule.max_age is not None:
        said.append(text(N_("%(ages)s."), ages=says_ages(rule)))
    if rule.within_union_id:
        where = (names or {}).get(rule.within_union_id) or text(N_("one union and its branches"))
        said.append(text(N_("For people whose home union belongs to: %(union)s."), union=where))
    if rule.employers:
        said.append(text(N_("For people who work for: %(employers)s."), employers=", ".join(rule.employers)))
    if rule.interval_months:
        said.append(text(N_("Again after %(months)s months at the earliest."), months=rule.interval_months))
    if rule.person_limit:
        said.append(text(N_("%(limit)s."), limit=says_limit(rule)))
    if rule.priority_groups:
        said.append(text(N_("Who comes first: %(groups)s."), groups=_groups(rule)))
    if rule.first_hours:
        says = N_("In the first %(hours)s hours after booking opens, only who comes first may book.")
        said.append(text(says, hours=rule.first_hours))
    return said


def differences(before: Rule | None, after: Rule, names: Mapping[UUID, str] | None = None) -> dict[str, list[Text]]:
    """Two versions side by side: ``gone`` and ``new`` in words; what both ask is left out."""
    old, new = says_rule(before, names) if before else [], says_rule(after, names)
    return {"gone": [line for line in old if line not in new], "new": [line for line in new if line not in old]}
