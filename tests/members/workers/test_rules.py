"""Numbers, masks and documents, from values alone."""

from __future__ import annotations

from datetime import date

import pytest

from portal.members.workers import rules
from portal.vocabulary import IdType
from tests.factories.workers import make_id_number

TODAY = date(2026, 11, 22)
R = IdType.RESIDENT_ID


@pytest.mark.parametrize("typed", ["13812345678", "+86 138 1234 5678", "0086-13812345678", "８６13812345678", "138 1234 5678 "])
def test_one_number_however_it_is_written(typed):
    assert rules.normal_phone(typed) == "13812345678" and rules.is_phone(typed)


@pytest.mark.parametrize("typed", ["", "1381234567", "138123456789", "12345678901", "10013800138", "0371-65506000", "12351"])
def test_what_is_no_mobile_number(typed):
    assert not rules.is_phone(typed)
    assert [problem.field for problem in rules.problems_with_phone(typed)] == ["phone"]


@pytest.mark.parametrize(
    ("id_type", "number"),
    [
        (R, "11010519491231002X"), (R, "11010519491231002x"), (R, "１１０１０５１９４９１２３１００２Ｘ"),
        (R, "110105 19491231 002X"), (IdType.HMT_TRAVEL, "H12345678"), (IdType.HMT_TRAVEL, "12345678"),
        (IdType.FOREIGN_PERMANENT, "ABC123456789012"), (IdType.PASSPORT, "E12345678"),
    ],
)  # fmt: skip
def test_documents_that_may_be(id_type, number):
    assert rules.problems_with_id(id_type, number, today=TODAY) == []


@pytest.mark.parametrize(
    ("id_type", "number"),
    [
        (R, "110105194912310021"), (R, "11010519491231"), (R, "99010519491231002X"), (R, "11010519491331002X"),
        (R, "11010520300101002X"), (R, ""), (IdType.HMT_TRAVEL, "X1234"), (IdType.PASSPORT, "E1"),
        (IdType.FOREIGN_PERMANENT, "AB123"),
    ],
)  # fmt: skip
def test_documents_that_cannot_be(id_type, number):
    assert rules.problems_with_id(id_type, number, today=TODAY)


def test_a_county_code_that_is_gone_is_no_reason():
    assert rules.problems_with_id(R, make_id_number(born=date(1980, 1, 1), county="410307"), today=TODAY) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("李志强", "李*强"),
        ("王芳", "王*"),
        ("李", "李*"),
        ("", ""),
        (None, ""),
        ("阿不都·买买提", "阿***提"),
        ("Anna", "A**a"),
    ],
)
def test_names_are_masked(name, shown):
    assert rules.mask_name(name) == shown


def test_phones_and_documents_are_masked():
    assert rules.mask_phone("+86 138 1234 5678") == "138****5678"
    assert rules.mask_phone("12") == rules.mask_phone(None) == "****"
    assert rules.mask_id_number("11010519491231002x") == "1101**********002X"
    assert rules.mask_id_number("E1234567") == rules.mask_id_number(None) == "****"


@pytest.mark.parametrize(
    ("typed", "code"),
    [("123456", "123456"), (" １２３４５６ ", "123456"), ("000001", "000001"), ("12345", None), ("1234567", None),
     ("12 3456", None), ("abcdef", None), ("", None), (None, None), ("١٢٣٤٥٦", None)],
)  # fmt: skip
def test_a_code_has_exactly_six_digits(typed, code):
    assert rules.normal_code(typed) == code
