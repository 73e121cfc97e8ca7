"""What is decided about people from values alone: numbers, masks, document checks."""

from __future__ import annotations

import re
from datetime import date, timedelta

import phonenumbers

from portal.types import N_, Level, Problem, Text, text, tidy
from portal.vocabulary import IdType

PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split()  # noqa: SIM905 - 34 quoted strings say no more
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"

_SHAPES = {
    IdType.HMT_TRAVEL: re.compile(r"[HM]\d{8}(\d{2})?|\d{8}(\d{2})?"),
    IdType.FOREIGN_PERMANENT: re.compile(r"[A-Z]{3}\d{12}|9\d{16}[\dX]"),
    IdType.PASSPORT: re.compile(r"[A-Z0-9]{5,17}"),
}

CODE_LIFE = timedelta(minutes=5)
CODE_PAUSE = timedelta(seconds=60)
CODE_TRIES = 5

CARD_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CARD_CODE = re.compile(rf"W[{CARD_ALPHABET}]{{20}}")


def normal_phone(value: str) -> str:
    """The digits of a mainland mobile number; +86, blanks, dashes and full-width digits fall away."""
    digits = re.sub(r"[^\d+]", "", tidy(value) or "")
    return re.sub(r"^(\+86|0086|86(?=1\d{10}$))", "", digits)


def is_phone(value: str) -> bool:
    """Whether this is a possible mainland mobile number."""
    digits = normal_phone(value)
    if not re.fullmatch(r"1\d{10}", digits):
        return False
    number = phonenumbers.parse(digits, "CN")
    return phonenumbers.is_valid_number(number)


def phone_tail(value: str) -> str:
    """The last four digits."""
    return normal_phone(value)[-4:]


def normal_id_number(value: str) -> str:
    """Upper case, without blanks; x and Ｘ become X."""
    return re.sub(r"[\s-]", "", (tidy(value) or "")).upper()


def check_digit(first_17: str) -> str:
    """The mod-11-2 check character of a resident identity number (GB 11643)."""
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True)) % 11]


def birth_date(id_type: IdType, value: str) -> date | None:
    """The birth date a number holds, or None."""
    number = normal_id_number(value)
    if id_type not in (IdType.RESIDENT_ID, IdType.HMT_RESIDENCE) or not re.fullmatch(r"\d{17}[\dX]", number):
        return None
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def problems_with_id(id_type: IdType, value: str, *, today: date) -> list[Problem]:
    """What is wrong with a document number, by type. The county code is no reason: codes change over the decades."""
    number = normal_id_number(value)

    def bad(says: Text) -> list[Problem]:
        return [Problem("id_number", says, field="id_number")]

    if id_type in _SHAPES:
        if not _SHAPES[id_type].fullmatch(number):
            return bad(text(N_("This does not look like the number of that document. Please check each sign.")))
        return []
    if not re.fullmatch(r"\d{17}[\dX]", number):
        return bad(text(N_("The number has 18 signs; the last may be X. This one has %(count)s."), count=len(number)))
    if number[:2] not in PROVINCES:
        return bad(text(N_("The first two digits are no province. Please check the number.")))
    born = birth_date(id_type, number)
    if born is None or not date(1900, 1, 1) <= born <= today:
        return bad(text(N_("Digits 7 to 14 are no birth date. Please check the number.")))
    if check_digit(number[:17]) != number[17]:
        return bad(text(N_("One digit is wrong: the last sign does not fit the others. Please check the number.")))
    return []


def problems_with_phone(value: str | None, field: str = "phone") -> list[Problem]:
    """What is wrong with a mobile number."""
    if value and is_phone(value):
        return []
    return [
        Problem(
            "phone",
            text(N_("This is no mainland mobile number: it has 11 digits and begins with 1.")),
            Level.RED,
            field,
        )
    ]


def normal_code(value: str | None) -> str | None:
    """The six digits of a one-time code, full-width forgiven; anything shorter, longer or padded is none."""
    plain = tidy(value) or ""
    return plain if re.fullmatch(r"[0-9]{6}", plain) else None


def is_card_code(value: str) -> bool:
    """Whether a scanned text is a worker's card code."""
    return bool(CARD_CODE.fullmatch(value.strip().upper()))


def is_id_number(value: str) -> bool:
    """Whether this has the shape of a document number of some type; nothing is said about its check digit."""
    number = normal_id_number(value)
    return bool(re.fullmatch(r"\d{17}[\dX]", number)) or any(shape.fullmatch(number) for shape in _SHAPES.values())


def mask_phone(value: str | None) -> str:
    """138****5621"""
    digits = normal_phone(value or "")
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) == 11 else "****"


def mask_name(value: str | None) -> str:
    """李*强, 王*, A***: the first sign and, from three signs on, the last."""
    if not value:
        return ""
    if len(value) <= 2:
        return value[0] + "*"
    return value[0] + "*" * min(len(value) - 2, 3) + value[-1]


def mask_id_number(value: str | None) -> str:
    """4101**********1234"""
    number = normal_id_number(value or "")
    return f"{number[:4]}{'*' * max(len(number) - 8, 4)}{number[-4:]}" if len(number) >= 9 else "****"
