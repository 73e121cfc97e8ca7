"""The upload of a file, and how a file that waits is to be looked at."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField

from portal.forms import Form, Present, SelectField, TextField, UploadForm
from portal.stations.register.models import CoordinateSystem


class ImportForm(UploadForm):
    """A workbook and the union whose stations it holds."""

    union_code = TextField(
        _l("Union"),
        [Present()],
        max_length=100,
        description=_l("For rows that name no union themselves. Its code or its whole name."),
    )
    workbook = FileField(
        _l("Workbook"), [Present()], description=_l("Excel (.xlsx, .xls), OpenDocument (.ods) or CSV, 10 MB at most.")
    )


class LookForm(Form):
    """Which sheet is read, and the system of points that name none."""

    sheet = SelectField(_l("Sheet"), choices=[])
    crs = SelectField(
        _l("Coordinate system"),
        choices=[("", _l("As the rows say")), *CoordinateSystem.choices()],
        description=_l("For points whose row names none. AMap and Tencent: GCJ-02; Baidu: BD-09; a GPS device: WGS-84."),
    )

    def offer(self, sheets: Iterable[str], read: str | None) -> None:
        """The sheets of the file; a text file has none."""
        self.sheet.choices = [(one, one) for one in sheets] or [("", "–")]
        if not self.is_submitted():
            self.sheet.data = read or ""
