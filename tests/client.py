"""A test client that is a quiet inspector: every answer it gets is checked against the house's rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import has_app_context
from flask.testing import FlaskClient
from tinyhtml5 import inputstream
from tinyhtml5.parser import HTMLParser
from werkzeug.test import TestResponse

from portal.db import db

HEADERS = ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options")
FORBIDDEN = re.compile(r"""\s(on[a-z]+|style|hx-[a-z-]+)=["']|javascript:|<script(?![^>]*nonce=)|<style""", re.IGNORECASE)


class _Patterns(dict):
    """tinyhtml5's cache of patterns, filled under the keys that it asks by.

    It files each under the pattern itself, finds none again, and builds one for every piece of text: most of its time.
    """

    def __missing__(self, key: tuple[frozenset[str], bool]) -> re.Pattern:
        characters, opposite = key
        among = "".join(f"\\x{ord(one):02x}" for one in characters)
        return self.setdefault(key, re.compile(f"[{'' if opposite else '^'}{among}]+"))


inputstream.characters_until_regex = _Patterns()


class Complaint(AssertionError):
    """A page broke a rule of the house."""


def inspect_html(html: str, *, whole: bool) -> list[str]:
    """What is wrong with a page or fragment, in words."""
    wrong = []
    parser = HTMLParser()
    parser.parse(html) if whole else parser.parse_fragment(html)
    for position, code, values in parser.errors:
        if not (not whole and code == "expected-doctype-but-got-start-tag"):
            wrong.append(f"invalid HTML at {position}: {code} {values}")
    text = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    wrong += [f"forbidden in markup: {found.group(0)}" for found in FORBIDDEN.finditer(text)]
    ids = re.findall(r'\sid="([^"]*)"', text)
    wrong += [f"the id {name} stands {ids.count(name)} times" for name in sorted(set(ids)) if ids.count(name) > 1]
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", text, flags=re.DOTALL | re.IGNORECASE):
        if 'name="csrf_token"' not in form:
            wrong.append("a form posts without a CSRF token: " + form[:100])
    if whole:
        title = re.search(r"<title>(.*?)</title>", text, flags=re.DOTALL)
        if not title or not title.group(1).strip(" ·\n"):
            wrong.append("no title")
        if not re.search(r'<html[^>]* lang="', text):
            wrong.append("no language")
    return wrong


def count_statements(work: Callable[[], Any]) -> int:
    """How many statements the database is asked while ``work`` runs."""
    seen: list[str] = []

    def note(connection, cursor, statement, *rest) -> None:
        seen.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


class InspectingClient(FlaskClient):
    """Opens pages and complains. Sends the CSRF token that the last page held, as a browser would."""

    token: str | None = None
    known: set[int] | None = None  # given a set, a page whose contents were looked through before is not parsed again

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        check = kwargs.pop("inspect", True)
        # A context of its own for each request, as in life: otherwise `g`, with who is signed in, would be shared by all.
        with self.application.app_context():
            response = super().open(*args, **kwargs)
            changed = db.session.new or db.session.dirty or db.session.deleted
        if has_app_context():
            db.session.expire_all()  # the request wrote in its own session; the test reads what is there now
        if not check:
            return response
        method = response.request.method
        missing = [name for name in HEADERS if name not in response.headers]
        if missing:
            raise Complaint(f"{method} {response.request.path}: headers missing: {missing}")
        if method in ("GET", "HEAD") and changed:
            raise Complaint(f"{method} {response.request.path} left changes in the session")
        if response.mimetype == "text/html" and response.data and not 300 <= response.status_code < 400:
            html = response.get_data(as_text=True)
            whole = "<html" in html[:300].lower()
            wrong = [] if self._met(html) else inspect_html(html, whole=whole)
            if wrong:
                raise Complaint(f"{method} {response.request.path}:\n  " + "\n  ".join(wrong))
            found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', html)
            self.token = found.group(1) if found else self.token
        return response

    def _met(self, html: str) -> bool:
        """Whether a page with these contents came before, apart from its tokens, keys and nonce."""
        if self.known is None:
            return False
        before = len(self.known)
        self.known.add(hash(re.sub(r'(value|nonce|content)="[^"]{20,}"', "", html)))
        return len(self.known) == before

    def send(self, address: str, data: dict[str, Any] | None = None, *, key: str | None = None, **kwargs: Any) -> TestResponse:
        """POST a form as a page would: with CSRF token and, unless given, a fresh key."""
        if self.token is None:
            self.get("/")
        from portal.web import idempotency_key

        fields = {"csrf_token": self.token, "key": key or idempotency_key()} | (data or {})
        return self.post(address, data=fields, **kwargs)
