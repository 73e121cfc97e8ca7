"""What may stand where in the tree. Decides from values: no database, no clock."""

from __future__ import annotations

import re

from portal.types import N_, Problem, text
from portal.unions.tree.models import UnionKind, UnionLevel

RANK = {
    UnionLevel.PROVINCE: 0,
    UnionLevel.CITY: 1,
    UnionLevel.COUNTY: 2,
    UnionLevel.ZONE: 2,
    UnionLevel.TOWN: 3,
    UnionLevel.VILLAGE: 4,
    UnionLevel.ENTERPRISE: 5,
}
CODE = re.compile(r"[0-9A-Z]+(-[0-9A-Z]+)*")


def problems_with_code(code: str, *, taken: bool) -> list[Problem]:
    """Whether a code can be given to a new union."""
    if not CODE.fullmatch(code) or len(code) > 40:
        says = text(N_("A code has digits and capital letters, with hyphens between, 40 at most: 410105-X."))
        return [Problem("code_form", says, field="code")]
    if taken:
        return [Problem("code_taken", text(N_("Another union has the code %(code)s."), code=code), field="code")]
    return []


def problems_with_place(
    *,
    kind: UnionKind,
    level: UnionLevel,
    parent_level: UnionLevel | None,
    parent_closed: bool = False,
    second_level: UnionLevel | None = None,
    second_closed: bool = False,
    same_parents: bool = False,
    circle: bool = False,
    circle_second: bool = False,
) -> list[Problem]:
    """Whether a union of this kind and level can stand beneath these parents. Levels are those of the parents."""
    problems: list[Problem] = []

    def found(code: str, message: str, field: str = "parent_code", **values) -> None:
        problems.append(Problem(code, text(message, **values), field=field))

    if parent_level is not None:
        lowest = RANK[parent_level] + (kind is UnionKind.GENERAL_UNION)
        if RANK[level] < lowest:
            found(
                "level", N_("%(kind)s at the level “%(level)s” cannot stand beneath the level “%(parent)s”."),
                "level", kind=kind, level=level, parent=parent_level,
            )  # fmt: skip
    if parent_closed:
        found("parent_closed", N_("This parent is closed; choose one that is open."))
    if circle:
        found("circle", N_("This parent lies beneath the union itself; that would be a circle."))
    if second_level is None:
        return problems
    if parent_level is None:
        found("second_needs_first", N_("A second parent needs a first one."), "second_parent_code")
    if same_parents:
        found(
            "same_parents",
            N_("The second parent must be another union than the first."),
            "second_parent_code",
        )
    if RANK[level] < RANK[second_level]:
        found(
            "second_level", N_("The second parent stands at the level “%(parent)s”, lower than this union."),
            "second_parent_code", parent=second_level,
        )  # fmt: skip
    if second_closed:
        found("second_closed", N_("This parent is closed; choose one that is open."), "second_parent_code")
    if circle_second:
        found(
            "circle_second", N_("This parent lies beneath the union itself; that would be a circle."),
            "second_parent_code",
        )  # fmt: skip
    return problems


def problems_with_closing(
    *, closed: bool, open_children: int, standing: list[tuple[object, int]], is_root: bool
) -> list[Problem]:
    """Whether a union can be closed; ``standing`` are (label, count) of what still stands at it."""
    if closed:
        return [Problem("closed", text(N_("This union is closed already.")))]
    problems = []
    if is_root:
        problems.append(Problem("root", text(N_("The union at the top of the tree stays open."))))
    if open_children:
        says = text(N_("%(count)s open unions stand beneath it; close or move them first."), count=open_children)
        problems.append(Problem("open_children", says))
    for label, count in standing:
        if count:
            says = text(N_("Still here: %(what)s (%(count)s). Move or end them first."), what=label, count=count)
            problems.append(Problem("standing", says))
    return problems
