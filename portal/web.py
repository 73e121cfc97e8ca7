"""HTTP: pages and fragments, the write door, headers, errors, assets, health. Every `HX-` string lives here."""

from __future__ import annotations

import functools
import hashlib
import io
import ipaddress
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import prometheus_client
from flask import (
    Flask,
    Response,
    abort,
    current_app,
    flash,
    g,
    get_template_attribute,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask_babel import gettext as _
from flask_compress import Compress
from flask_wtf.csrf import CSRFError
from htmx_flask import Htmx
from sqlalchemy.exc import NoResultFound
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from portal import access, idempotency
from portal.access import public
from portal.config import Settings
from portal.db import UNREACHABLE, reachable, transactional
from portal.i18n import say
from portal.paging import Slice
from portal.pictures import Picture
from portal.signatures import FormGuard, PageCookie, form_token
from portal.tables import Column, workbook
from portal.types import Text

UPLOAD_LIMIT = 10 * 1024 * 1024
FORM_LIMIT = 256 * 1024
RETRY_AFTER = "5"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

csrf = FormGuard()
compress = Compress()

REQUESTS = prometheus_client.Counter("portal_requests", "Requests answered", ["endpoint", "method", "status"])
SECONDS = prometheus_client.Histogram(
    "portal_request_seconds",
    "Seconds to an answer",
    ["endpoint"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


# --- pages ---------------------------------------------------------------------------------------------------------


def page(template: str, *, fragments: tuple[str, ...] = (), status: int = 200, **context: Any) -> Response:
    """One view, one URL: the whole page, or one of the offered fragments when htmx asks for it by its target.

    A fragment ``bookings`` is the file ``_bookings.html`` beside the page and holds one element with that id.
    """
    target = request.htmx.target if is_fragment_request() else None
    if target in fragments:
        folder = template.rpartition("/")[0]
        body = render_template(f"{folder}/_{target}.html", **context)
    else:
        body = render_template(template, **context)
    response = make_response(body, status)
    response.vary.update(("HX-Request", "HX-Target"))
    response.headers.setdefault("Cache-Control", "no-store" if access.actor() else "no-cache")
    return response


def fragment(template: str, macro: str, **values: Any) -> Response:
    """A macro of a template as the whole answer, for the desk's tap. No frame is drawn, so nothing is gathered for one:
    the context processors (navigation, languages) and reading the imports anew would cost three times the macro."""
    response = make_response(get_template_attribute(template, macro)(**values))
    response.headers["Cache-Control"] = "no-store"
    return response


def is_fragment_request() -> bool:
    """Whether htmx asks (and not the browser's history)."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def done(address: str, says: Text | None = None, kind: str = "success") -> Response:
    """A write went well: say what is true and go on with a GET, so that reload and back repeat nothing."""
    if says is not None:
        flash(say(says), kind)
    return redirect(address, code=303)


def invalid(template: str, *, fragments: tuple[str, ...] = (), **context: Any) -> Response:
    """The form again with its errors and everything that was typed: 422."""
    return page(template, fragments=fragments, status=422, **context)


def pager(rows: Slice) -> dict[str, str | None]:
    """The addresses of the pages before and after this one, with the same search and filters."""
    # Written by hand, not by url_for: names from a query string must not become its arguments.
    here = url_for(request.endpoint, **(request.view_args or {}))
    kept = [pair for pair in request.args.items(multi=True) if pair[0] not in ("before", "after")]

    def to(name: str, cursor: str | None) -> str | None:
        return cursor and f"{here}?{urlencode([*kept, (name, cursor)], errors='replace')}"

    return {"previous_url": to("before", rows.before), "next_url": to("after", rows.after)}


def send_workbook(name: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Response:
    """A workbook as a download; ``name`` (without .xlsx) names the file and the sheet."""
    response = send_file(
        workbook(columns, rows, name), mimetype=WORKBOOK, as_attachment=True, download_name=f"{name}.xlsx", etag=False
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def send_picture(picture: Picture, *, small: bool = False) -> Response:
    """A photograph to whoever may see it, in one of its two sizes; kept by their own browser for a day."""
    response = send_file(io.BytesIO(picture.small if small else picture.large), mimetype="image/jpeg", etag=False)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


# --- the write door ------------------------------------------------------------------------------------------------


def idempotency_key() -> str:
    """A fresh key for a form that is about to be drawn."""
    return secrets.token_urlsafe(18)


def request_hash() -> bytes:
    """What this request asks, as one digest."""
    files = [(name, part.stream.read()) for name, part in request.files.items(multi=True)]
    for part in request.files.values():
        part.stream.seek(0)
    return idempotency.body_hash(request.path, request.form.items(multi=True), files)


def writes(view: Callable) -> Callable:
    """The door of every view that writes: commits on success, and gives the first answer to a repeated key.

    The form must carry `key`. What is stored is the address a successful write leads to.
    """

    @functools.wraps(view)
    @transactional
    def wrapper(**kwargs: Any) -> Response:
        key = request.form.get("key", "")
        if not 8 <= len(key) <= 64:
            return error_page(400, _("This form has no key, so a double tap could not be told apart."))
        first = idempotency.claim(access.by(), key, request_hash())
        if first:
            return done(first["address"])
        response = make_response(view(**kwargs))
        if response.status_code < 400:
            if not response.location:
                raise RuntimeError(f"{view.__name__} must end a write with done()")
            idempotency.settle(access.by(), key, {"address": response.location})
        return response

    wrapper.writes = "keyed"
    return wrapper


def unkeyed(reason: str) -> Callable[[Callable], Callable]:
    """A write that needs no key because repeating it changes nothing more; the reason stands beside it."""

    def decorate(view: Callable) -> Callable:
        wrapper = transactional(view)
        wrapper.writes = f"unkeyed: {reason}"
        return wrapper

    return decorate


def changes_nothing(reason: str) -> Callable[[Callable], Callable]:
    """A POST that only reads, because what it asks must not stand in an address; the reason stands beside it."""

    def decorate(view: Callable) -> Callable:
        view.writes = f"reads: {reason}"
        return view

    return decorate


def own_door(reason: str) -> Callable[[Callable], Callable]:
    """The desk's hot path: one statement that carries key, work and answer, and is its own transaction."""

    def decorate(view: Callable) -> Callable:
        view.writes = f"own door: {reason}"
        return view

    return decorate


# --- where to go after signing in ----------------------------------------------------------------------------------


def safe_next(address: str | None, otherwise: str) -> str:
    """An address within the portal, or ``otherwise``: never a door to another site."""
    if not address or not address.startswith("/") or address.startswith(("//", "/\\")):
        return otherwise
    return otherwise if any(sign in address for sign in "\r\n\t\\") else address


def client_address() -> str:
    """The client's address; IPv6 by its /64, which is one household."""
    address = request.remote_addr or ""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if parsed.version == 6 else address


# --- assets and headers --------------------------------------------------------------------------------------------


@functools.cache
def _fingerprint(path: Path, changed_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a static file with its fingerprint, so that it may be kept for a year."""
    path = Path(current_app.static_folder) / name
    return url_for("static", filename=name, v=_fingerprint(path, path.stat().st_mtime_ns))


def csp_nonce() -> str:
    """This response's nonce for scripts."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return g.nonce


def allow_pictures_from(origin: str | None) -> None:
    """Let this response show pictures of one more host: the map's tiles."""
    g.pictures_from = origin or ""


# The same on every answer, so they are hung on at the very end, below Flask, which would look through all headers for each.
FIXED_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(self), geolocation=(self), microphone=(), payment=(), usb=()"),
]
TLS_HEADERS = [*FIXED_HEADERS, ("Strict-Transport-Security", "max-age=31536000")]


def _with_fixed_headers(app: Flask) -> Callable:
    """The application's WSGI with the headers that never change."""
    inner = app.wsgi_app

    def outer(environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        fixed = TLS_HEADERS if app.config["SESSION_COOKIE_SECURE"] else FIXED_HEADERS
        return inner(environ, lambda status, headers, *error: start_response(status, headers + fixed, *error))

    return outer


def _headers(response: Response) -> Response:
    nonce = csp_nonce()
    tiles = g.get("pictures_from", "")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data: {tiles}".rstrip()
        + "; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'"
        + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    if request.endpoint == "static" and request.args.get("v") and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def _compress(response: Response) -> Response:
    """Flask-Compress, asked only about answers that are long enough to gain."""
    length = response.content_length
    small = length is not None and length < current_app.config["COMPRESS_MIN_SIZE"]
    return response if small else compress.after_request(response)


# --- errors --------------------------------------------------------------------------------------------------------


def error_page(code: int, why: str | None = None, *, next_step: str | None = None) -> Response:
    """What happened, why, and what now, in the reader's language; needs no database."""
    what, reason, now = {
        400: (_("This request could not be read"), _("Something in it was missing or broken."), _("Go back and try once more.")),
        403: (
            _("This is not open to you"),
            _("Your appointment does not include it."),
            _("Ask your administrator if you need it."),
        ),
        404: (
            _("Nothing is here"),
            _("The address is wrong, or this page is not open to you."),
            _("Check the address or start again from the first page."),
        ),
        405: (_("This cannot be opened that way"), _("The page expects a form."), _("Start again from the first page.")),
        409: (
            _("This was already sent with other contents"),
            _("The same form was sent twice with different answers; the first one counts."),
            _("Open the page again and look at what is recorded."),
        ),
        413: (_("This is too large"), _("A file may have 10 MB at most."), _("Send a smaller file.")),
        429: (_("Too many attempts"), _("Someone tried too often from here."), _("Wait a little, then try again.")),
        500: (
            _("Something went wrong with us"),
            _("The fault is ours and has been written down."),
            _("Try again; if it stays, call the administrator."),
        ),
        503: (
            _("We cannot reach our records right now"),
            _("The database is not answering."),
            _("Nothing you see was lost. Try again in a few seconds; water, rest and shade need no computer."),
        ),
    }.get(code, (_("Something went wrong"), _("The request could not be carried out."), _("Try again.")))
    try:
        body = render_template(
            "errors/error.html", code=code, what=what, why=why or reason, next_step=next_step or now,
            next_url=request.path if code == 503 and request.method == "GET" else url_for("home.index"),
            next_label=_("Try again") if code == 503 and request.method == "GET" else _("To the first page"),
        )  # fmt: skip
    except UNREACHABLE:
        body = f"{what} {why or reason} {next_step or now}"
    response = make_response(body, code)
    response.headers["Cache-Control"] = "no-store"
    if code in (429, 503):
        response.headers["Retry-After"] = RETRY_AFTER
    return response


def _wire_errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException):
        if error.code and error.code < 400:
            return error
        response = error_page(error.code or 500)
        if error.code == 405:
            response.headers["Allow"] = ", ".join(error.valid_methods or ())
        return response

    @app.errorhandler(CSRFError)
    def stale_form(error: CSRFError):
        return error_page(
            400,
            _("The page was open for too long, or you signed in or out in another window."),
            next_step=_("Go back, reload the page and send it again; what you typed is still there."),
        )

    @app.errorhandler(NoResultFound)
    def not_found(error: NoResultFound):
        return error_page(404)

    @app.errorhandler(idempotency.KeyReused)
    def reused(error: idempotency.KeyReused):
        return error_page(409)

    def unreachable(error: Exception):
        app.logger.warning("database unreachable", extra={"error": type(error).__name__})
        return error_page(503)

    for kind in UNREACHABLE:
        app.register_error_handler(kind, unreachable)

    @app.errorhandler(Exception)
    def unforeseen(error: Exception):
        app.logger.exception("unforeseen error", extra={"endpoint": request.endpoint})
        return error_page(500)


# --- health --------------------------------------------------------------------------------------------------------


def _metrics_open() -> bool:
    token = current_app.config["SETTINGS"].metrics_token
    if token:
        given = request.headers.get("Authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode())
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


gauges: list[Callable[[], None]] = []


def _wire_health(app: Flask) -> None:
    @app.get("/healthz")
    @public
    def healthz():
        """The process lives."""
        return Response("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    @public
    def readyz():
        """The process can serve: its database answers."""
        if reachable():
            return Response("ok\n", mimetype="text/plain")
        return Response("the database does not answer\n", 503, {"Retry-After": RETRY_AFTER}, mimetype="text/plain")

    @app.get("/metrics")
    @public
    def metrics():
        """Prometheus text; from loopback, or with the bearer token."""
        if not _metrics_open():
            abort(404)
        for refresh in gauges:
            refresh()
        registry = prometheus_client.REGISTRY
        if current_app.config.get("METRICS_FOLDER"):
            from prometheus_client import multiprocess

            registry = prometheus_client.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry, path=current_app.config["METRICS_FOLDER"])
        return Response(prometheus_client.generate_latest(registry), content_type=prometheus_client.CONTENT_TYPE_LATEST)


# --- wiring --------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=2048)
def _gauges_of(endpoint: str, method: str, status: int) -> tuple[Any, Any]:
    return REQUESTS.labels(endpoint, method, str(status)), SECONDS.labels(endpoint)


def _measure(response: Response) -> Response:
    requests, seconds = _gauges_of(request.endpoint or "none", request.method, response.status_code)
    requests.inc()
    seconds.observe(time.perf_counter() - g.get("started", time.perf_counter()))
    return response


def prepare(app: Flask, settings: Settings) -> None:
    """Wire everything about HTTP to an application."""
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.secret(),
        MAX_CONTENT_LENGTH=UPLOAD_LIMIT + FORM_LIMIT,
        MAX_FORM_MEMORY_SIZE=FORM_LIMIT,
        MAX_FORM_PARTS=1000,
        WTF_CSRF_TIME_LIMIT=12 * 3600,
        WTF_CSRF_SSL_STRICT=False,  # SameSite, token and CSP do this; the Referer is often cut by phones
        COMPRESS_REGISTER=False,  # by _compress
        COMPRESS_MIN_SIZE=2800,  # two packets: below, nothing would arrive sooner, and the desk's tap is below
        COMPRESS_ALGORITHM=["gzip"],
        COMPRESS_ALGORITHM_STREAMING=["gzip"],
        COMPRESS_LEVEL=5,
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.url_map.strict_slashes = False
    # No column holds a greater number, so nothing can stand there.
    app.url_map.converters["int"] = functools.partial(IntegerConverter, max=2**31 - 1)
    app.ensure_sync = lambda function: function  # Flask asks at every hook of every request; nothing here is async
    app.session_interface = PageCookie()
    csrf.init_app(app)
    Htmx(app)
    compress.init_app(app)
    app.jinja_env.globals.update(asset=asset, csp_nonce=csp_nonce, csrf_token=form_token, new_key=idempotency_key)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()
        if "\0" in request.path:  # PostgreSQL has no such text, so nothing can stand there
            abort(404)
        if request.content_length and request.content_length > FORM_LIMIT and not request.mimetype.startswith("multipart/"):
            raise RequestEntityTooLarge

    app.wsgi_app = _with_fixed_headers(app)
    app.after_request(_compress)
    app.after_request(_headers)
    app.after_request(_measure)
    _wire_errors(app)
    _wire_health(app)
