"""What is decided about people from values alone: numbers, masks, document checks."""

from __future__ import annotations

import hmac
import re
from datetime import date, datetime, timedelta

import phonenumbers

from portal.crypto import Keyring
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
# A screen's code: R, nine signs of handle, eight of signature. Eighteen signs, so that no document number looks alike.
SCREEN_CODE = re.compile(rf"R[{CARD_ALPHABET}]{{17}}")
HANDLE = 9
WINDOW = timedelta(minutes=30)
# How long after the scan a code read without network may still come in, by the device's clock.
OFFLINE_FOR = timedelta(hours=48)

# Operators give a number to somebody else some months after it fell silent; with half a year we are seldom wrong, and
# whoever comes twice a year is asked for nothing.
SILENT_AFTER = timedelta(days=180)


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


def born_on_of(id_type: IdType | None, value: str | None) -> date | None:
    """The birth date of a resident's number (or of a residence permit, which is built alike); other documents give none."""
    born = birth_date(id_type, value) if id_type and value else None
    return born if born and born.year >= 1900 else None


def sex_of(id_type: IdType | None, value: str | None) -> str | None:
    """The sex in the same numbers: the last sign but one is odd for men, even for women."""
    return None if born_on_of(id_type, value) is None else "male" if int(normal_id_number(value)[16]) % 2 else "female"


def problems_with_birth(born_on: date, *, today: date) -> list[Problem]:
    """What is wrong with a birth date that somebody states: it lies ahead, or 120 years back."""
    if born_on <= today and today.year - born_on.year <= 120:
        return []
    return [Problem("born_on", text(N_("This can be nobody's birth date. Please look at the year.")), field="born_on")]


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
    """Whether a scanned text is a worker's card code, of a printed card or of a screen."""
    plain = value.strip().upper()
    return bool(CARD_CODE.fullmatch(plain) or SCREEN_CODE.fullmatch(plain))


def screen_window(at: datetime) -> int:
    """The number of the half hour a moment lies in."""
    return int(at.timestamp() // WINDOW.total_seconds())


def window_ends(at: datetime) -> datetime:
    """Until when the screen's code of a moment is surely good: the end of the half hour after it."""
    return datetime.fromtimestamp((screen_window(at) + 2) * WINDOW.total_seconds(), at.tzinfo)


def screen_code(ring: Keyring, handle: str, window: int) -> str:
    """The code on a screen in one half hour: nothing is stored for it, so that showing it writes nothing."""
    number = int.from_bytes(ring.digest("screen-code", f"{handle}|{window}")[:5], "big")
    signature = "".join(CARD_ALPHABET[number >> shift & 31] for shift in range(35, -5, -5))
    return f"R{handle}{signature}"


def is_screen_code_of(ring: Keyring, code: str, windows: list[int]) -> bool:
    """Whether a code was on a screen in one of these half hours; takes equally long whichever sign is wrong."""
    handle = code[1 : 1 + HANDLE]
    fits = [hmac.compare_digest(screen_code(ring, handle, window), code) for window in windows]
    return any(fits)


def good_windows(at: datetime | None, now: datetime) -> list[int]:
    """The half hours whose code counts: this and the last one; for a scan without network those around the device's time.

    A device's clock may be half an hour wrong either way. Older than 48 hours, or from the future, nothing counts.
    """
    if at is None:
        return [screen_window(now), screen_window(now) - 1]
    if not now - OFFLINE_FOR <= at <= now + WINDOW:
        return []
    return [screen_window(at) + step for step in (0, -1, 1)]


def in_groups(code: str, size: int = 3) -> str:
    """A code as one reads it aloud: RK7 QM2 …"""
    return " ".join(code[start : start + size] for start in range(0, len(code), size))


def is_silent(last_seen_at: datetime, now: datetime) -> bool:
    """Whether a number led to its person so long ago that it may be somebody else's by now."""
    return now - last_seen_at > SILENT_AFTER


def is_surname_of(typed: str | None, name: str | None) -> bool:
    """Whether what was typed is how a name begins (one or two signs), the name's first word, or the whole name."""
    said, known = (tidy(typed) or "").casefold(), (tidy(name) or "").casefold()
    if not said or not known:
        return False
    begins = len(said) <= 2 and len(known) > len(said) and known.startswith(said)
    return said == known or said == known.split()[0] or begins


def is_tail_of(typed: str | None, id_number: str | None) -> bool:
    """Whether these are the last four signs of a document number; x and Ｘ are X."""
    said, known = normal_id_number(typed or ""), normal_id_number(id_number or "")
    return len(said) == 4 and len(known) >= 4 and hmac.compare_digest(said.encode(), known[-4:].encode())


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
