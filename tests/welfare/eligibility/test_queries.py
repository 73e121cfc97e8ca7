"""Facts from the records of a person, receipts and judgement, and that the compiled SQL says what the rule in Python says."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from portal import clock
from portal.db import db as database
from portal.types import Level, new_id
from portal.vocabulary import Occupation
from portal.welfare.eligibility import queries, rules
from portal.welfare.eligibility.models import Audience, EligibilityRule, LimitPeriod, Receipt, RuleValues, Standing
from portal.welfare.eligibility.rules import Facts
from tests.factories.eligibility import birth, make_member, make_person
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme, make_rule
from tests.factories.workers import make_id_number, make_worker


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def history(monkeypatch):
    """Receipts as the rooms above would tell them."""
    told: list[Receipt] = []
    monkeypatch.setattr(queries, "histories", [lambda records, item_id, programme_id: list(told)])
    return told


# --- facts ---------------------------------------------------------------------------------------------------------


def test_facts_come_from_every_record_of_a_person(tree):
    survivor = make_person(born_on=date(1990, 5, 17), sex="female", is_migrant_worker=True)
    merged = make_person(standing=Standing.MEMBER, union=tree.federation_county, employer="中通 快递", merged_into=survivor.id)
    for record in (survivor, merged):
        facts = queries.facts_of(record.id)
        assert facts.standing is Standing.MEMBER and facts.sex == "female" and facts.is_migrant_worker
        assert facts.employers == {"中通快递"}
        assert facts.home_union_ids == queries.home_and_above(tree.federation_county.id)
        assert tree.federation_county.id in facts.home_union_ids and len(facts.home_union_ids) > 1


def test_standing(tree):
    home = tree.federation_county
    people = {standing: make_person(standing=standing, union=home) for standing in Standing}
    assert {one: queries.facts_of(person.id).standing for one, person in people.items()} == {one: one for one in Standing}


def test_sex_and_birth_come_from_the_document(tree):
    worker = make_worker(id_number=make_id_number(born=date(1990, 5, 17), order=2))
    facts = queries.facts_of(worker.id)
    assert (facts.sex, facts.born_on, facts.from_document) == ("female", date(1990, 5, 17), True)


# --- judgement -----------------------------------------------------------------------------------------------------


def judge(programme, worker, **values):
    rule = queries.find_rule(programme.id)
    asked = {"item_id": programme.item_id, "programme_id": programme.id, "on": clock.today()} | values
    return queries.judge(rule=rule, worker_id=worker.id if worker else None, **asked)


def test_retained_membership_keeps_what_is_open_to_anyone_and_nothing_else(tree):
    """Acceptance scenario 5."""
    retained = make_person(standing=Standing.RETAINED, union=tree.federation_county)
    members = make_programme(tree.federation_county, rule={"audience": Audience.MEMBER})
    anyone = make_programme(tree.federation_county)
    refused = judge(members, retained)
    assert refused.level is Level.RED and [one.code for one in refused.problems] == ["retained"]
    assert judge(anyone, retained).level is Level.GREEN


def test_a_booking_does_not_stand_against_itself(tree, history):
    programme, worker, booking = make_programme(tree.county, rule={"interval_months": 12}), make_person(), new_id()
    history.append(Receipt(clock.today(), programme.item_id, programme.id, booking_id=booking))
    assert judge(programme, worker).next_on == rules.add_months(clock.today(), 12)
    assert judge(programme, worker, without_booking=booking).level is Level.GREEN


def test_the_next_day_is_only_said_where_nothing_else_stands_in_the_way(tree, history):
    programme = make_programme(tree.county, rule={"interval_months": 12, "audience": Audience.MEMBER})
    history.append(Receipt(clock.today(), programme.item_id, programme.id))
    assert judge(programme, make_person()).next_on is None


def test_somebody_unknown_is_judged_by_occupation_alone(tree):
    programme = make_programme(tree.county, rule={"occupations": ["courier"], "interval_months": 1})
    assert judge(programme, None, occupation=Occupation.COURIER).level is Level.GREEN
    assert judge(programme, None, occupation=Occupation.TAXI_DRIVER).level is Level.RED


def test_first_version_in_force_is_the_newest_approved(tree):
    programme = make_programme(tree.county)
    newest = make_rule(programme, min_age=18)
    make_rule(programme, approved_at=None, approved_by_account_id=None, min_age=20)
    assert queries.find_rule(programme.id).id == newest.id
    assert queries.get_rule(newest.id).id == newest.id


# --- in SQL --------------------------------------------------------------------------------------------------------

_ages = st.sampled_from([None, None, 14, 15, 17, 18, 35, 36, 60, 61])
_rules = st.builds(
    RuleValues,
    audience=st.sampled_from(Audience),
    occupations=st.sampled_from([(), ("courier",), ("courier", "truck_driver"), ("taxi_driver",)]),
    sex=st.sampled_from([None, None, "female", "male"]),
    min_age=_ages,
    max_age=_ages,
    within_union_id=st.sampled_from([None, None, "city", "county", "other"]),
    employers=st.sampled_from([(), (), ("中通快递",), ("ＺＴＯ Express", "圆通")]),
)
_DAY = date(2026, 11, 22)
_EDGES = [_DAY.replace(year=_DAY.year - years) + timedelta(days=days) for years in (15, 18, 36, 61) for days in (-1, 0, 1)]
_people = st.fixed_dictionaries({
    "standing": st.sampled_from(Standing),
    "occupation": st.sampled_from([Occupation.COURIER, Occupation.TRUCK_DRIVER, Occupation.OTHER]),
    "sex": st.sampled_from([None, "female", "male"]),
    "born_on": st.one_of(st.none(), st.sampled_from([*_EDGES, date(2000, 2, 29), date(1996, 2, 29)])),
    "employer": st.sampled_from([None, "中通 快递", "zto express", "顺丰"]),
    "home": st.sampled_from(["county", "other"]),
    "merged": st.booleans(),
})  # fmt: skip
_days = st.sampled_from([_DAY, _DAY, date(2027, 2, 28), date(2028, 2, 29), date(2027, 3, 1)])


def test_the_compiled_rule_agrees_with_the_rule_in_python(tree):
    places = {None: None, "city": tree.city.id, "county": tree.federation_county.id, "other": tree.foreign_county.id}
    homes = {"county": tree.federation_county, "other": tree.foreign_county}
    seen = set()

    @settings(max_examples=40)
    @given(st.lists(_people, min_size=2, max_size=3), st.lists(_rules, min_size=8, max_size=8), _days)
    def agree(drawn, drawn_rules, on):
        made = []
        for values in drawn:
            values = dict(values)
            home, merged = homes[values.pop("home")], values.pop("merged")
            own = {name: values.pop(name) for name in ("standing", "employer")} | {"union": home}
            if merged:  # what ties them to the union stands on another record, which was merged into theirs
                person = make_person(**values, commit=False)
                make_person(**own, merged_into=person.id, commit=False)
            else:
                person = make_person(**values, **own, commit=False)
            made.append(person.id)
        known = {ident: queries.facts_of(ident) for ident in made}
        asked = [RuleValues(**one.columns() | {"within_union_id": places[one.within_union_id]}) for one in drawn_rules]
        people = queries._people()
        conditions = [queries.condition(rule, people, on).label(f"c{place}") for place, rule in enumerate(asked)]
        for ident, *answers in database.session.execute(sa.select(people.c.id, *conditions).where(people.c.id.in_(made))):
            for rule, answer in zip(asked, answers, strict=True):
                assert answer is rules.fits(rule, known[ident], on), (rule, known[ident])
                seen.add(answer)
        chosen = set(database.session.scalars(queries.matching(asked[0], on)))
        assert chosen & set(made) == {ident for ident in made if rules.fits(asked[0], known[ident], on)}
        database.session.rollback()

    agree()
    assert seen == {True, False, None}


def test_the_edges_of_an_age_are_the_same_in_sql(tree):
    """What chance would seldom meet: the birthday itself, the day before and after, 29 February, at both ends."""
    born = [*_EDGES, date(2000, 2, 29)]
    made = {make_person(born_on=one, sex="male", commit=False).id: one for one in born}
    asked = [RuleValues(**{end: age}) for end in ("min_age", "max_age") for age in (14, 15, 17, 18, 26, 27, 35, 36, 60, 61)]
    people = queries._people()
    for on in (_DAY, date(2027, 2, 28), date(2027, 3, 1), date(2028, 2, 28), date(2028, 2, 29)):
        conditions = [queries.condition(rule, people, on).label(f"c{place}") for place, rule in enumerate(asked)]
        for ident, *answers in database.session.execute(sa.select(people.c.id, *conditions)):
            expected = [rules.fits(rule, Facts(Occupation.COURIER, "male", made[ident]), on) for rule in asked]
            assert answers == expected, (made[ident], on)


def test_gain_and_lose_among_those_known_here(tree):
    programme = make_programme(tree.federation_county, rule={"min_age": 40})
    for years in (30, 45, 50):
        make_person(standing=Standing.MEMBER, union=tree.federation_county, born_on=birth(years))
    make_person(standing=Standing.APPLICANT, union=tree.federation_county)  # no birth date
    make_person(standing=Standing.MEMBER, union=tree.foreign_county, born_on=birth(30))  # not known here
    served = make_person(born_on=birth(30))
    station = make_station(union=tree.federation_county)
    database.session.execute(
        sa.text("INSERT INTO recent_stays VALUES (:worker, :station, :visit, now(), now())"),
        {"worker": served.id, "station": station.id, "visit": new_id()},
    )
    change = queries.gain_and_lose(programme.id, RuleValues(max_age=45), tree.federation_county.id)
    assert change == queries.Change(gain=2, lose=1, stay=1, unknown=1, people=5)


def test_gain_and_lose_where_no_rule_is_in_force(tree):
    programme = make_programme(tree.federation_county)
    make_person(standing=Standing.MEMBER, union=tree.federation_county)
    nowhere = new_id()
    assert queries.gain_and_lose(nowhere, RuleValues(), tree.federation_county.id).gain == 1
    assert queries.gain_and_lose(programme.id, RuleValues(), tree.federation_county.id).stay == 1


def test_several_rules_cost_one_read(tree):
    made = [make_programme(tree.county) for _ in range(3)]
    make_rule(made[0], person_limit=1, limit_period=LimitPeriod.DAY)
    found = queries.rules_of([one.id for one in made])
    assert {found[one.id].version for one in made} == {1, 2} and isinstance(found[made[0].id], EligibilityRule)
    make_member(make_person(), tree.county)
