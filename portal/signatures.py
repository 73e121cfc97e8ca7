"""The page's cookie and its CSRF token, with each signature checked once.

Flask and Flask-WTF build a signer at every request and check the same cookie and the same token anew; at the desk's tap
that was a seventh of the time. The libraries still sign and check; what they found good is remembered by its whole
text, and its age is looked at each time.
"""

from __future__ import annotations

import functools
import hmac
import time
from typing import Any

from flask import Flask, current_app, g, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect, generate_csrf
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

REMEMBERED = 4096  # signed texts of one process; those not seen for longest are forgotten


class Remembering(URLSafeTimedSerializer):
    """A serializer that checks the signature of a text only when it sees it for the first time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What was refused raises and is not remembered.
        self._opened = functools.lru_cache(REMEMBERED)(self._open)

    def _open(self, text: str) -> tuple[Any, int]:
        value, signed_at = super().loads(text, return_timestamp=True)
        return value, int(signed_at.timestamp())

    def loads(self, s: str, max_age: int | None = None) -> Any:
        """The value, shared by all who ask: copy before changing. Raises BadSignature, SignatureExpired, BadPayload."""
        value, signed_at = self._opened(s)
        age = int(time.time()) - signed_at
        if max_age is not None and not 0 <= age <= max_age:
            raise SignatureExpired(f"Signature age {age} is not within {max_age} seconds")
        return value


class PageCookie(SecureCookieSessionInterface):
    """Flask's signed cookie session (messages to show, the CSRF secret), opened by a serializer that remembers."""

    def get_signing_serializer(self, app: Flask) -> Remembering | None:
        """The application's one serializer for this cookie."""
        known = app.extensions.get("portal.page_cookie")
        if known is None and (plain := super().get_signing_serializer(app)) is not None:
            known = app.extensions["portal.page_cookie"] = Remembering(
                plain.secret_keys, salt=plain.salt, serializer=plain.serializer, signer_kwargs=plain.signer_kwargs
            )
        return known

    @staticmethod
    def session_class(initial: dict[str, Any] | None = None) -> Any:
        """A session of its own for this request: lists within (messages) are copied too."""
        copied = {name: list(value) if isinstance(value, list) else value for name, value in (initial or {}).items()}
        return SecureCookieSessionInterface.session_class(copied)


class FormGuard(CSRFProtect):
    """Flask-WTF's CSRF guard with a short way for the ordinary case; whatever is not plainly good goes the long way."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Let a request pass that carries its session's token. Raises CSRFError."""
        token = request.form.get("csrf_token") if request.method == "POST" else None
        if token and self._is_ours(token):
            g.csrf_valid = True
            # The forms in the answer carry the same token: it is as good as a new one, and a new one is a signature.
            g.csrf_token = token
        else:
            super().protect(apply_exemptions)

    @staticmethod
    def _is_ours(token: str) -> bool:
        signer = current_app.extensions.get("portal.form_tokens")
        if signer is None:
            signer = Remembering(current_app.secret_key, salt="wtf-csrf-token")
            current_app.extensions["portal.form_tokens"] = signer
        try:
            secret = signer.loads(token, max_age=current_app.config["WTF_CSRF_TIME_LIMIT"])
        except BadData:
            return False
        return "csrf_token" in session and hmac.compare_digest(session["csrf_token"], secret)


def form_token() -> str:
    """The CSRF token for the forms of this answer: the one that came with the request, otherwise a new one."""
    return g.get("csrf_token") or generate_csrf()
