"""What is decided about two records from values alone: how likely they are one person, and what stands against merging."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Protocol
from uuid import UUID

from portal.types import N_, Level, Problem, Text, Word, text


class Likeness(Word):
    """Why two records may be one person."""

    DOCUMENT = "document", N_("The same document number")
    APPLICATION = "application", N_("The same document number in two applications to join")
    BIRTH = "birth", N_("The same name and the same date of birth")
    PHONE_SURNAME = "phone_surname", N_("The same phone and the same family name")
    NAME_TAIL = "name_tail", N_("The same name, the same last four digits, served in the same county")
    PHONE_NAMELESS = "phone_nameless", N_("The same phone and occupation; one of them has no name yet")


# How much each counts; families share phones and names, so a phone alone never does.
WEIGHTS = {
    Likeness.DOCUMENT: 95,
    Likeness.APPLICATION: 90,
    Likeness.BIRTH: 70,
    Likeness.PHONE_SURNAME: 60,
    Likeness.NAME_TAIL: 50,
    Likeness.PHONE_NAMELESS: 40,
}


def score(reasons: Iterable[Likeness]) -> int:
    """Up to 100: the strongest reason, and a fifth of each further one."""
    weights = sorted((WEIGHTS[reason] for reason in set(reasons)), reverse=True)
    return min(100, weights[0] + sum(weights[1:]) // 5) if weights else 0


def in_words(points: int) -> Text:
    """A score as people say it."""
    if points >= 90:
        return text(N_("Almost certainly one person"))
    return text(N_("Very likely one person")) if points >= 60 else text(N_("Perhaps one person"))


def ordered(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    """A pair as it is stored: the smaller id first."""
    return (one, other) if one < other else (other, one)


Side = Literal["survivor", "merged"]


@dataclass(frozen=True)
class Standing:
    """What is known of two records when somebody wants to put them together."""

    same_record: bool
    merged_already: bool
    said_apart: bool
    active_numbers: tuple[str, ...]
    open_applications: int
    two_documents: bool = False


def problems_with_merging(standing: Standing) -> list[Problem]:
    """What stands against it; amber asks to look twice."""
    if standing.same_record:
        return [Problem("same_record", text(N_("This is one record already.")))]
    if standing.merged_already:
        return [Problem("merged_already", text(N_("One of the two was merged already. Open the list again.")))]
    problems = []
    if standing.said_apart:
        says = N_("Somebody wrote down that these are two people. Take that back first if it was a mistake.")
        problems.append(Problem("said_apart", text(says)))
    if len(standing.active_numbers) > 1:
        says = N_("Both are members now, under %(numbers)s. A person has one membership: end the one that was opened by"
                  " mistake, then merge.")  # fmt: skip
        problems.append(Problem("two_memberships", text(says, numbers=", ".join(standing.active_numbers))))
    if standing.open_applications > 1:
        says = N_("Both have an application to join under way. Decide one of them first, then merge.")
        problems.append(Problem("two_applications", text(says)))
    if standing.two_documents:
        says = N_("The two documents are of one kind and bear different numbers. Ask to see the document before you merge.")
        problems.append(Problem("two_documents", text(says), Level.AMBER))
    return problems


class Birth(Protocol):
    """What a record says of sex and birth."""

    sex: str | None
    born_on: date | None
    born_from_document: bool


def birth_that_stays(survivor: Birth, merged: Birth, *, document: bool) -> dict[str, Any]:
    """What the survivor takes over of sex and birth date: where nothing was known, what a document says instead of what
    was said, and with the merged record's ``document`` what stands in it."""
    known, read = survivor.born_on is not None, merged.born_from_document
    if merged.born_on and (not known or (read and (document or not survivor.born_from_document))):
        sex = (merged.sex or survivor.sex) if read else (survivor.sex or merged.sex)
        return {"born_on": merged.born_on, "born_from_document": read, "sex": sex}
    return {"sex": merged.sex} if merged.sex and not survivor.sex else {}


def problems_with_undoing(*, undone: bool, survivor_merged: bool) -> list[Problem]:
    """Why a merge cannot be undone now."""
    if undone:
        return [Problem("undone", text(N_("This was undone already.")))]
    if survivor_merged:
        says = N_("The record that stayed was merged into another one later. Undo that one first.")
        return [Problem("merged_later", text(says))]
    return []


def first_to_stay(one: tuple[bool, bool, UUID], other: tuple[bool, bool, UUID]) -> UUID:
    """Which record should stay: the member's, then the one with a document, then the older one. (member, document, id)"""
    return min((not one[0], not one[1], one[2]), (not other[0], not other[1], other[2]))[2]
