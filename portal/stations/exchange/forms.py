"""The upload of a workbook."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField

from portal.forms import Present, TextField, UploadForm


class ImportForm(UploadForm):
    """A workbook and the union whose stations it holds."""

    union_code = TextField(
        _l("Union"),
        [Present()],
        max_length=100,
        description=_l("For rows that name no union themselves. Its code or its whole name."),
    )
    workbook = FileField(_l("Workbook"), [Present()], description=_l("Excel (.xlsx) or CSV, 10 MB at most."))
