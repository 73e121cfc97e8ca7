"""What somebody says when they put two records together."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.forms import Form, Present, RadioField, TextField

VALUES = ("name", "occupation", "document")


class MergeForm(Form):
    """Which record stays, whose values stay where they differ, and why. ``left`` and ``right`` are as on the page."""

    stays = RadioField(_l("Which record stays?"), choices=[("left", _l("The left one")), ("right", _l("The right one"))])
    name = RadioField(_l("Full name"), choices=[("left", ""), ("right", "")], validate_choice=False)
    occupation = RadioField(_l("Occupation"), choices=[("left", ""), ("right", "")], validate_choice=False)
    document = RadioField(_l("Identity document"), choices=[("left", ""), ("right", "")], validate_choice=False)
    reason = TextField(_l("How do you know?"), [Present(_l("Please say how you know that this is one person."))], max_length=200)

    def offer(self, *, left: dict[str, str], right: dict[str, str]) -> MergeForm:
        """Ask only where the two differ; what is equal or known of one alone needs no choice."""
        for value in VALUES:
            if left.get(value) and right.get(value) and left[value] != right[value]:
                self[value].choices = [("left", left[value]), ("right", right[value])]
            else:
                del self[value]
        return self

    def kept(self) -> dict[str, str]:
        """Of each value that was asked about, whether the record that stays keeps its own or takes the other's."""
        chosen = {value: self[value].data for value in VALUES if value in self}
        return {value: "survivor" if side in (None, self.stays.data) else "merged" for value, side in chosen.items()}
