"""What somebody types at the door."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.forms import Form, TextField


class PhoneForm(Form):
    """A phone, only if one wishes."""

    phone = TextField(
        _l("Mobile number"),
        max_length=30,
        description=_l(
            "Only to ask you, when you sign in with it, whether this visit was yours. It is kept encrypted and is gone"
            " after 30 days, or as soon as you answer. It uses up nothing you are entitled to."
        ),
        render_kw={"type": "tel", "inputmode": "tel", "autocomplete": "tel"},
    )
