"""Items by values alone: what keeps one out, what may not change, and templates that make nothing up."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from portal.welfare.items import rules
from portal.welfare.items.models import Proof, WelfareCategory, WelfareItem
from portal.welfare.items.rules import ItemValues

TEMPLATES = [one for group in rules.TEMPLATE_LISTS for one in group.templates]
# Every figure that domain.md knows of these services (S03, S04, sections 2.3 and 2.5).
KNOWN = {"500", "15,000", "2024", "545", "465", "150", "100", "400", "7", "520", "30", "60", "2", "100,000", "2022", "12,000,000",
         "120", "10,000", "6,000,000"}  # fmt: skip


def values(**more) -> ItemValues:
    known = {"name": "体检", "category": WelfareCategory.HEALTH_CHECK, "procedure": "空腹来。", "unit": "人次"}
    return ItemValues(**known | more)


@pytest.mark.parametrize("proof", list(Proof))
def test_without_a_name_nobody_is_asked_for_a_code_or_signature(proof):
    """Counselling: no proof, or a photo of the room."""
    found = rules.problems_with_item(values(named=False, proof=proof))
    assert bool(found) is (proof in (Proof.CODE, Proof.SIGNATURE))
    assert rules.problems_with_item(values(named=True, proof=proof)) == []


def test_a_cost_is_entered_to_the_fen():
    """Not finer; nothing is a cost, too."""
    assert rules.problems_with_item(values(unit_cost=Decimal("0.01"))) == []
    assert rules.problems_with_item(values(unit_cost=Decimal(0))) == []
    assert [one.code for one in rules.problems_with_item(values(unit_cost=Decimal("0.005")))] == ["fen"]


def test_whether_a_name_is_kept_stays_as_it_was_promised():
    """While a programme gives it; before, it may change."""
    item = WelfareItem(named=False)
    assert [one.code for one in rules.problems_with_changing(item, values(), ["心理咨询"])] == ["named_in_use"]
    assert rules.problems_with_changing(item, values(), []) == []
    assert rules.problems_with_changing(item, values(named=False), ["心理咨询"]) == []


def test_there_are_the_six_services_and_the_service_months_nine():
    """Each once, each in its kind, none that the rules would refuse."""
    assert len(rules.SIX_SERVICES.templates) == 6 and len(rules.SERVICE_MONTH.templates) == 9
    assert len({one.key for one in TEMPLATES}) == len(TEMPLATES) == len({one.name for one in TEMPLATES})
    for one in TEMPLATES:
        filled = values(
            name=one.name, category=one.category, procedure=one.procedure, unit=one.unit, proof=one.proof, named=one.named
        )
        assert rules.problems_with_item(filled) == [] and rules.find_template(one.key) is one
    assert rules.find_template("nothing") is None


def test_templates_make_no_figure_up():
    """Every number in a template is one of domain.md's."""
    said = " ".join([*(f"{one.procedure} {one.known or ''}" for one in TEMPLATES), *(str(g.says) for g in rules.TEMPLATE_LISTS)])
    found = {word.rstrip(",") for word in re.findall(r"\d[\d,]*", said)}
    assert found - KNOWN == set()
