"""What a person types about a union."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DateField
from wtforms.validators import Optional

from portal.forms import Form, Present, SelectField, TextField
from portal.types import N_, Problem, text
from portal.unions.tree.commands import Details
from portal.unions.tree.models import FormationRoute, Union, UnionKind, UnionLevel

_CODE = _l("The union's code, as its page shows it.")


class ChangeUnionForm(Form):
    """The details of a union that is there."""

    name = TextField(_l("Name"), [Present()], max_length=100)
    kind = SelectField(_l("Kind"), choices=UnionKind.choices())
    level = SelectField(_l("Level"), choices=UnionLevel.choices())
    parent_code = TextField(_l("Parent"), max_length=40, description=_CODE)
    second_parent_code = TextField(
        _l("Second parent"), max_length=40, description=_l("Only under dual leadership; both see this union.")
    )
    affiliation_code = TextField(_l("Affiliation"), max_length=40, description=_l("If it is another union than the parent."))
    funding_code = TextField(_l("Funds go through"), max_length=40, description=_l("If it is another union than the parent."))
    custodian_code = TextField(_l("Custodian"), max_length=40, description=_l("Who keeps the records, if it is another union."))
    formation_route = SelectField(_l("How it was formed"), choices=[("", _l("Not known")), *FormationRoute.choices()])
    founded_on = DateField(_l("Founded on"), [Optional()])

    RELATIONS = ("parent", "second_parent", "affiliation", "funding", "custodian")

    def codes(self) -> dict[str, str]:
        """The codes that were typed, by relation."""
        typed = {name: self[f"{name}_code"].data for name in self.RELATIONS}
        return {name: code.upper() for name, code in typed.items() if code}

    def details(self, found: dict[str, Union | None], *, parent_required: bool) -> Details | None:
        """The details, once every code has led to a union in ``found``; otherwise None, with the errors said."""
        problems = [
            Problem(
                "unknown_union",
                text(N_("No union in your part of the tree has the code %(code)s."), code=code),
                field=f"{name}_code",
            )
            for name, code in self.codes().items()
            if found.get(name) is None
        ]
        if parent_required and "parent" not in self.codes():
            problems.append(Problem("no_parent", text(N_("Please fill this in.")), field="parent_code"))
        if not self.take(problems):
            return None
        return Details(
            name=self.name.data,
            kind=UnionKind(self.kind.data),
            level=UnionLevel(self.level.data),
            formation_route=FormationRoute(self.formation_route.data) if self.formation_route.data else None,
            founded_on=self.founded_on.data,
            **{name: found.get(name) for name in self.RELATIONS},
        )

    @staticmethod
    def values(union: Union, codes: dict[str, str | None]) -> dict[str, Any]:
        """What stands in the fields before anything was typed; ``codes`` are those of the related unions."""
        return {
            "name": union.name,
            "kind": union.kind.value,
            "level": union.level.value,
            "formation_route": union.formation_route.value if union.formation_route else "",
            "founded_on": union.founded_on,
            **{f"{name}_code": code for name, code in codes.items()},
        }


class AddUnionForm(ChangeUnionForm):
    """The details of a new union, and its code if it already has one."""

    code = TextField(
        _l("Code"),
        max_length=40,
        description=_l("Leave it empty and the next free code beneath the parent is taken."),
    )
