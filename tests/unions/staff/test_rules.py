"""Passwords, codes and roles that go together: decided from values."""

from __future__ import annotations

from datetime import date

import pyotp
import pytest

from portal.access import Role
from portal.unions.staff import rules
from portal.unions.staff.rules import Held

DAY = date(2026, 11, 22)


def codes(problems):
    return [problem.code for problem in problems]


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("a sentence of my own", []),
        ("我家的猫会开门并且爱吃鱼", []),
        ("  spaces count too  ", []),
        ("🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧", []),
        ("12345678901", ["short"]),
        ("x" * 257, ["long"]),
        ("passwordpassword", ["common"]),
        ("QwertyUiop123", ["common"]),
        ("aaaaaaaaaaaaaaa", ["common"]),
        ("abcabcabcabcab", ["common"]),
        ("123456789012", ["common"]),
        ("098765432109", ["common"]),
        ("abcdefghijklm", ["common"]),
        ("woaini1314520", ["common"]),
        ("wang.ganshi.zz", ["common"]),
        ("lixiaolixiao", ["common"]),
        ("123456789013", []),
    ],
)
def test_passwords(password, found):
    assert codes(rules.problems_with_password(password, names=("wang.ganshi.zz", "lixiao"))) == found


@pytest.mark.parametrize("name", ["abc", "li.zhishou", "0371-desk", "a" * 60])
def test_sign_in_names(name):
    assert rules.problems_with_sign_in_name(name, taken=False) == []
    assert codes(rules.problems_with_sign_in_name(name, taken=True)) == ["taken"]


@pytest.mark.parametrize("name", ["ab", "Abc", ".abc", "a" * 61, "a b c", "李值守", "abc\n", ""])
def test_names_nobody_can_have(name):
    assert codes(rules.problems_with_sign_in_name(name, taken=False)) == ["sign_in_name"]


def test_codes_of_three_half_minutes():
    secret = pyotp.random_base32()
    totp, now = pyotp.TOTP(secret), 1_800_000_015
    for shift, step in ((-60, None), (-30, -1), (0, 0), (30, 1), (60, None)):
        found = rules.matching_step(secret, totp.at(now + shift), now)
        assert found == (None if step is None else rules.step_of(now) + step)
    code = rules.demo_code(secret, now, rules.step_of(now))
    assert rules.matching_step(secret, code, now) == rules.step_of(now) + 1


def test_the_secret_of_an_invitation_is_its_own(app):
    one, other = rules.secret_of_invitation("a"), rules.secret_of_invitation("b")
    assert one == rules.secret_of_invitation("a") != other and len(one) == 32


def appointing(new, *held, **changes):
    state = {"oneself": False, "closed": False, "union_closed": False} | changes
    return codes(rules.problems_with_appointing(new, held, **state))


def test_appointing():
    officer = Held(Role.OFFICER, "u", DAY)
    assert appointing(officer) == []
    assert appointing(officer, Held(Role.OFFICER, "v", DAY)) == []
    assert appointing(officer, Held(Role.OFFICER, "u", date(2020, 1, 1))) == ["twice"]
    assert appointing(officer, Held(Role.OFFICER, "u", date(2020, 1, 1), date(2026, 11, 21))) == []
    assert appointing(officer, Held(Role.OFFICER, "u", date(2020, 1, 1), DAY)) == ["twice"]
    assert appointing(Held(Role.OFFICER, "u", DAY, date(2026, 11, 21))) == ["backwards"]
    assert appointing(officer, oneself=True) == ["oneself"]
    assert appointing(officer, closed=True, union_closed=True) == ["closed", "union_closed"]


@pytest.mark.parametrize("pair", rules.INCOMPATIBLE)
def test_roles_that_do_not_go_together_by_day(pair):
    one, other = pair
    for new, old in ((one, other), (other, one)):
        assert appointing(Held(new, "u", DAY), Held(old, "v", date(2026, 1, 1), DAY)) == ["incompatible"]
        assert appointing(Held(new, "u", DAY), Held(old, "v", date(2026, 1, 1), date(2026, 11, 21))) == []
        assert appointing(Held(new, "u", DAY, DAY), Held(old, "v", date(2026, 11, 23))) == []


def test_who_serves_only():
    assert rules.only_serves([Role.OPERATOR]) and rules.only_serves([Role.OPERATOR] * 2)
    assert not rules.only_serves([Role.OPERATOR, Role.KEEPER]) and not rules.only_serves([])
