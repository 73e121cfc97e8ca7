"""Passwords, codes and appointments: what is accepted. Decides from values: no database, no clock."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import pyotp
from pyotp.utils import strings_equal

from portal import crypto
from portal.access import Permission, Role
from portal.types import N_, Problem, text

SHORTEST, LONGEST = 12, 256
STEP = 30  # seconds that a code is shown for
WINDOW = 1  # steps a clock may be off

SIGN_IN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,59}")

# The most common of twelve signs and more; shorter ones are refused by their length.
_COMMON = """
    passwordpassword password1234 password12345 password123456 passw0rd1234 p@ssw0rd1234 p@ssword1234 letmeinletmein
    qwertyuiop12 qwertyuiop123 qwertyuiop1234 qwertyuiopas qwertyuiopasdf qwertyqwerty qwerty123456 qazwsxedcrfv
    1qaz2wsx3edc 1qaz2wsx3edc4rfv 1q2w3e4r5t6y 1q2w3e4r5t6y7u zaq12wsxcde3 q1w2e3r4t5y6 asdfghjkl123 asdfasdfasdf
    zxcvbnm12345 abc123456789 a12345678910 a1234567890a aa1234567890 abcd12345678 123456789abc 123456789qwe
    123qweasdzxc qweasdzxc123 iloveyou1234 iloveyouiloveyou woaini1314520 woaini520520 woaini123456 5201314woaini
    adminadmin12 adminadminadmin admin1234567 admin12345678 administrator administrator1 welcome12345 changeme1234
    zhengzhou123 zhengzhou1234 henan1234567 gonghui12345 gonghui123456 superman1234 dragon123456 sunshine1234
"""
COMMON = frozenset(_COMMON.split())


def _in_a_row(password: str) -> bool:
    """One sign, or a short piece, over and over; or signs that count up or down all the way."""
    if re.fullmatch(r"(.{1,4}?)\1+.{0,3}", password, flags=re.DOTALL):
        return True
    steps = {(ord(b) - ord(a)) % 10 if password.isdigit() else ord(b) - ord(a) for a, b in pairwise(password)}
    return steps in ({1}, {-1}, {9})


def problems_with_password(password: str, *, names: Iterable[str] = ()) -> list[Problem]:
    """Whether a password may be chosen: long enough and not among those tried first. Any sign may stand in it."""

    def problem(code: str, message: str, **values) -> list[Problem]:
        return [Problem(code, text(message, **values), field="password")]

    if len(password) < SHORTEST:
        return problem(
            "short", N_("At least %(count)s characters; this has %(now)s. A short sentence is easy to keep."),
            count=SHORTEST, now=len(password),
        )  # fmt: skip
    if len(password) > LONGEST:
        return problem("long", N_("At most %(count)s characters; this has %(now)s."), count=LONGEST, now=len(password))
    plain = password.casefold().strip()
    own = {name.casefold() for name in names if name}
    if plain in COMMON or _in_a_row(plain) or plain in own or any(plain == name * 2 for name in own):
        return problem("common", N_("Many people use this one, so it is tried first. Choose something of your own."))
    return []


# Tried first by whoever guesses, besides signs in a row, one sign over and over, and years.
_COMMON_PINS = """
    1314 3344 5201 5210 2580 0852 1122 1221 1688 5168 1369 2468 1357 6789
    520131 131452 201314 112233 123321 147258 159357 258369 168888 888168 654123 142857
"""
COMMON_PINS = frozenset(_COMMON_PINS.split())


def _is_a_day(pin: str) -> bool:
    """A year (1930-2039), or six digits that are a year and month or a day: birthdays are guessed first."""
    if len(pin) == 4:
        return 1930 <= int(pin) < 2040
    if len(pin) == 6:
        middle, last = int(pin[2:4]), int(pin[4:])
        return (1930 <= int(pin[:4]) < 2040 and 1 <= last <= 12) or (1 <= middle <= 12 and 1 <= last <= 31)
    return False


def problems_with_pin(pin: str) -> list[Problem]:
    """Whether a personal PIN may be chosen: four to six digits, and none of those that are tried first."""
    if not re.fullmatch(r"[0-9]{4,6}", pin, flags=re.ASCII):
        return [Problem("pin", text(N_("Four to six digits, nothing else.")), field="pin")]
    over_and_over = any(pin == (pin[:size] * 6)[: len(pin)] for size in (1, 2, 3))
    if over_and_over or _in_a_row(pin) or pin in COMMON_PINS or _is_a_day(pin):
        says = N_("This one is guessed early: no years or dates, no digits in a row or repeated. Six digits are best.")
        return [Problem("weak", text(says), field="pin")]
    return []


def problems_with_sign_in_name(name: str, *, taken: bool) -> list[Problem]:
    """Whether a new account can have this name to sign in with."""
    if not SIGN_IN_NAME.fullmatch(name):
        says = text(N_("3 to 60 small letters, digits, dots and hyphens, beginning with a letter or digit."))
        return [Problem("sign_in_name", says, field="sign_in_name")]
    if taken:
        says = text(N_("Somebody signs in with %(name)s already; choose another."), name=name)
        return [Problem("taken", says, field="sign_in_name")]
    return []


def secret_of_invitation(token: str) -> str:
    """The second factor an invitation leads to: derived from its token, so that nothing is kept until it is used."""
    return base64.b32encode(crypto.ring().digest("totp-of-invitation", token)[:20]).decode()


def step_of(seconds: float) -> int:
    """The number of the half minute a moment (seconds since 1970) lies in."""
    return int(seconds) // STEP


def matching_step(secret: str, code: str, seconds: float) -> int | None:
    """The half minute, of this one and its neighbours, whose code this is; None if of none."""
    code = code.replace(" ", "")
    if not re.fullmatch(r"[0-9]{6}", code, flags=re.ASCII):
        return None
    now, totp, found = step_of(seconds), pyotp.TOTP(secret), None
    for step in range(now - WINDOW, now + WINDOW + 1):
        if strings_equal(totp.at(step * STEP), code):
            found = step
    return found


@dataclass(frozen=True)
class Held:
    """An appointment as the rules see it; ``ends_on`` None is open."""

    role: Role
    union_id: object
    starts_on: date
    ends_on: date | None = None

    def meets(self, other: Held) -> bool:
        """Whether both hold on some day."""
        return (self.ends_on is None or other.starts_on <= self.ends_on) and (
            other.ends_on is None or self.starts_on <= other.ends_on
        )


INCOMPATIBLE = (
    frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
    frozenset({Role.FINANCE, Role.APPROVER}),
)


def problems_with_appointing(
    new: Held, held: Iterable[Held], *, oneself: bool, closed: bool, union_closed: bool
) -> list[Problem]:
    """Whether an account may get a role; ``held`` are its appointments that were not withdrawn."""
    problems: list[Problem] = []

    def found(code: str, message: str, field: str | None = None, **values) -> None:
        problems.append(Problem(code, text(message, **values), field=field))

    if oneself:
        found("oneself", N_("Nobody appoints themselves; ask another administrator."))
    if closed:
        found("closed", N_("This account is disabled; enable it first."))
    if union_closed:
        found("union_closed", N_("This union is closed."), "union_code")
    if new.ends_on and new.ends_on < new.starts_on:
        found("backwards", N_("The last day lies before the first."), "ends_on")
        return problems
    for other in held:
        if not new.meets(other):
            continue
        if other.role is new.role and other.union_id == new.union_id:
            found("twice", N_("This role is held at this union already."), "role")
        elif frozenset({new.role, other.role}) in INCOMPATIBLE:
            found(
                "incompatible", N_("“%(one)s” and “%(other)s” do not go together in one account."), "role",
                one=new.role, other=other.role,
            )  # fmt: skip
    return problems


def problems_with_ending(*, ended: bool, own_last_administrator: bool) -> list[Problem]:
    """Whether an appointment can be withdrawn."""
    if ended:
        return [Problem("ended", text(N_("This appointment has ended already.")))]
    if own_last_administrator:
        says = text(N_("This is your own last appointment as administrator; another administrator has to end it."))
        return [Problem("own_last", says)]
    return []


def problems_with_whole_account(*, oneself: bool, elsewhere: bool) -> list[Problem]:
    """Whether an administrator may disable an account or give it a new password: all of it must be theirs."""
    if oneself:
        return [Problem("oneself", text(N_("This is your own account; ask another administrator.")))]
    if elsewhere:
        says = text(N_("This account is also appointed outside your part of the tree; ask the administrator there."))
        return [Problem("elsewhere", says)]
    return []


def demo_code(secret: str, seconds: float, last_step: int) -> str:
    """The code that would be taken now: of this half minute, or of the next if this one was used."""
    return pyotp.TOTP(secret).at(max(step_of(seconds), last_step + 1) * STEP)


def only_serves(roles: Iterable[Role]) -> bool:
    """Whether somebody works at a counter and nowhere else, so that the counter is their first page."""
    return set(roles) == {Role.OPERATOR}


def only_counts(roles: Iterable[Role]) -> bool:
    """Whether somebody counts at a host's counter and does nothing else: their session is that of their own phone."""
    return set(roles) == {Role.HOST}


# --- the staff home ------------------------------------------------------------------------------------------------

# What each permission opens: endpoint, title, what it is good for. Rooms that are not there are passed over.
CARDS = (
    (Permission.SERVE, "desk.index", N_("Desk"), N_("Serve whoever comes in, one tap each.")),
    (Permission.COUNT_VISITS, "host.index", N_("Counter"), N_("Count who comes in, and check a code.")),
    (Permission.PAIR_DEVICES, "shifts.stations_index", N_("Screens and shifts"), N_("Tablets at counters, and who stood there.")),
    (Permission.VIEW_APPLICATIONS, "applications.index", N_("Applications"), N_("People who would like to join.")),
    (Permission.VIEW_MEMBERS, "members.index", N_("Members"), N_("Who belongs to your unions.")),
    (Permission.MERGE_WORKERS, "merging.duplicates", N_("Likely duplicates"), N_("People who may be on record twice.")),
    (Permission.VIEW_PROGRAMMES, "programmes.index", N_("Programmes"), N_("What is given, to whom, where, when.")),
    (Permission.MANAGE_BOOKINGS, "sessions.index", N_("Sessions"), N_("Who comes when, the sheet, messages to all.")),
    (Permission.VIEW_DELIVERIES, "deliveries.index", N_("Deliveries"), N_("Who received what, and the checks afterwards.")),
    (Permission.VIEW_DELIVERIES, "purchases.index", N_("Purchases"), N_("Goods bought, with voucher and budget line.")),
    (Permission.KEEP_STATIONS, "supplies.index", N_("Supplies"), N_("The catalogue of goods and packs for your stations.")),
    (Permission.VIEW_BUDGETS, "budgets.index", N_("Budgets"), N_("What may be spent, what was, and from which money.")),
    (Permission.KEEP_STATIONS, "stations.staff_index", N_("Stations"), N_("Where they are, when they are open.")),
    (Permission.KEEP_STATIONS, "upkeep.index", N_("Reports from stations"), N_("What is wrong at a door, and its clock.")),
    (Permission.KEEP_STATIONS, "inspections.index", N_("Inspections"), N_("One station, one sheet, two signatures.")),
    (Permission.VIEW_UNIONS, "unions.index", N_("Unions"), N_("Your part of the union tree.")),
    (Permission.MANAGE_STAFF, "staff.accounts", N_("Accounts"), N_("Who works here, in which role, until when.")),
    (Permission.VIEW_AUDIT, "trail.index", N_("Audit"), N_("Who did what, and whether the record is whole.")),
)
