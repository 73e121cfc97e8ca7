"""Column types and the two small vocabulary types that rules, forms and templates share: Word and Text."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import uuid_utils.compat
from markupsafe import escape
from sqlalchemy import Enum, Numeric

from portal import crypto


def N_(message: str) -> str:
    """Mark a message for translation; it is translated when it is said."""
    return message


def new_id() -> uuid.UUID:
    """A time-ordered key (UUIDv7)."""
    return uuid_utils.compat.uuid7()


class Word(StrEnum):
    """A member of a closed vocabulary: its value is stored, its English label is the message that is translated.

    >>> class Light(Word):
    ...     GREEN = "green", "Available"
    >>> Light.GREEN.label
    'Available'
    """

    label: str

    @staticmethod
    def spoken(word: Word) -> str:
        """Say a member; `i18n.prepare` puts its `say` here, because this file knows no language."""
        return word.label

    def __new__(cls, value: str, label: str = "") -> Word:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label or value
        return member

    @classmethod
    def choices(cls) -> list[tuple[str, Word]]:
        """(value, member) pairs for a select field; the member is translated when drawn."""
        return [(member.value, member) for member in cls]

    def __html__(self) -> str:
        """How WTForms and templates draw a member: its label in the reader's language."""
        return escape(Word.spoken(self))


@dataclass(frozen=True)
class Text:
    """A sentence to be said later, in the reader's language: an English message and what goes into it.

    Values may be text, numbers, Decimal (money), date, datetime, Word or another Text; each is localised when said.
    """

    message: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message % self.values if self.values else self.message


def text(message: str, **values: Any) -> Text:
    """Short form of :class:`Text`; wrap the message in ``N_`` so that it is found for translation."""
    return Text(message, values)


class Level(StrEnum):
    """How much a problem weighs: red refuses, amber asks to look, green informs."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True)
class Problem:
    """Something a rule found, in human words; feeds form error, disabled button, light and import report alike."""

    code: str
    says: Text
    level: Level = Level.RED
    field: str | None = None


class Refused(Exception):
    """What was asked of a command cannot be done; ``problems`` say why, in human words."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem.says) for problem in problems))
        self.problems = problems


def text_enum(words: type[Word], name: str | None = None) -> Enum:
    """A text column that holds one word of a vocabulary, with a CHECK constraint in the database."""
    return Enum(
        words,
        native_enum=False,
        create_constraint=True,
        length=40,
        name=name or re.sub(r"(?<!^)(?=[A-Z])", "_", words.__name__).lower(),
        values_callable=lambda members: [member.value for member in members],
        validate_strings=True,
    )


Money = Numeric(14, 2)


class Encrypted:
    """A mapped attribute that reads and writes plain text over an encrypted column, bound to its row.

    ``phone = Encrypted("phone", index=normal_phone)`` expects columns ``phone_cipher`` and, with ``index``,
    ``phone_index``. It is a descriptor and no column type, because a column type knows no row id.
    """

    def __init__(self, name: str, *, index: Callable[[str], str] | None = None) -> None:
        self.name, self.normal = name, index

    def __set_name__(self, owner: type, name: str) -> None:
        if name != self.name:
            raise TypeError(f"{owner.__name__}.{name} is declared as {self.name}")
        self.owner = owner

    def _about(self, row: Any) -> str:
        if row.id is None:
            row.id = new_id()
        return f"{row.__tablename__}|{self.name}|{row.id}"

    def __get__(self, row: Any, owner: type | None = None) -> Any:
        if row is None:
            return self
        blob = getattr(row, f"{self.name}_cipher")
        return None if blob is None else crypto.ring().decrypt(blob, self._about(row))

    def __set__(self, row: Any, value: str | None) -> None:
        cipher = None if value is None else crypto.ring().encrypt(value, self._about(row))
        setattr(row, f"{self.name}_cipher", cipher)
        if self.normal:
            setattr(row, f"{self.name}_index", None if value is None else self.lookup(value))

    def lookup(self, value: str) -> bytes:
        """The blind index of a value: compare with ``<name>_index`` to find rows."""
        if not self.normal:
            raise TypeError(f"{self.name} has no index")
        return crypto.ring().digest(f"index:{self.owner.__tablename__}.{self.name}", self.normal(value))


def tidy(value: str | None) -> str | None:
    """What a person typed, made plain: full-width forms to ASCII, control signs out, spaces at the ends off; '' is None."""
    if not isinstance(value, str):
        return None
    plain = unicodedata.normalize("NFKC", value)
    plain = "".join(sign for sign in plain if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs"))
    return plain.strip() or None


def prose(value: str | None) -> str | None:
    """Sentences as they were typed, with their full-width commas; only control signs and outer space go. '' is None."""
    if not isinstance(value, str):
        return None
    return "".join(sign for sign in value if sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs")).strip() or None
