"""What an officer types to find a member."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.forms import Form, TextField


class SearchForm(Form):
    """One field: the beginning of a name, or a whole membership number."""

    q = TextField(_l("Beginning of the name, or whole membership number"), max_length=60)
