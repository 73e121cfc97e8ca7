"""First page, language switch, privacy notice, and the demo's messages. `home.welfare` is drawn by welfare/programmes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, current_app, make_response, redirect, request, url_for
from flask_babel import gettext as _

from portal import access, i18n, outbox
from portal.access import Permission, public
from portal.db import UNREACHABLE
from portal.retention import NOTICE_VERSION
from portal.types import N_
from portal.web import changes_nothing, page, safe_next

home = Blueprint("home", __name__)


@dataclass(frozen=True)
class Item:
    """One entry of a navigation bar."""

    label: str
    url: str
    current: bool
    icon: str = ""


# What staff may open, in the order of the bar: label, endpoint, permission, the blueprints that belong to it.
STAFF_BAR = (
    (N_("Counter"), "host.index", Permission.COUNT_VISITS, ("host",)),
    (N_("Desk"), "desk.index", Permission.SERVE, ("desk",)),
    (N_("Applications"), "applications.index", Permission.VIEW_APPLICATIONS, ("applications",)),
    (N_("Members"), "members.index", Permission.VIEW_MEMBERS, ("members",)),
    (
        N_("Stations"),
        "stations.staff_index",
        Permission.KEEP_STATIONS,
        (
            "stations",
            "closures",
            "portraits",
            "exchange",
            "upkeep",
            "inspections",
            "coverage",
            "printing",
            "wishes",
            "supplies",
            "stocktaking",
            "shifts",
            "paper",
        ),
    ),
    (
        N_("Programmes"),
        "programmes.index",
        Permission.VIEW_PROGRAMMES,
        ("programmes", "items", "eligibility", "quotas", "sessions", "attendance"),
    ),
    (N_("Deliveries"), "deliveries.index", Permission.VIEW_DELIVERIES, ("deliveries", "checks", "purchases")),
    (N_("Budgets"), "budgets.index", Permission.VIEW_BUDGETS, ("budgets", "sources", "versions")),
    (N_("Unions"), "unions.index", Permission.VIEW_UNIONS, ("unions",)),
    (N_("Accounts"), "staff.accounts", Permission.MANAGE_STAFF, ("staff",)),
    (N_("Audit"), "trail.index", Permission.VIEW_AUDIT, ("trail",)),
)
# Pages about oneself, which belong to no entry of the bar although they stand in a room that has one.
STAFF_OWN_PAGES = {"staff.home", "staff.password", "staff.change_password", "shifts.pin", "shifts.set_pin"}
WORKER_BAR = (
    (N_("Stations"), "finding.index", "find", ("finding", "wishes", "door")),
    (N_("Welfare"), "home.welfare", "welfare", ("programmes", "entitlements", "bookings")),
    (N_("Me"), "me.index", "me", ("me", "workers")),
)


@home.app_context_processor
def frame() -> dict[str, Any]:
    """What layout.html draws around a page; without a database it still draws the public frame."""
    try:
        who = access.actor()
    except UNREACHABLE:
        who = None
    here, endpoint = request.blueprint, request.endpoint
    place = "desk" if request.path.startswith("/desk/") else here  # several rooms stand at the desk and with the stations
    shared = {"demo": current_app.config["SETTINGS"].demo}
    if who is not None and who.kind == "staff":
        bar = [
            Item(_(label), url_for(target), place in rooms and endpoint not in STAFF_OWN_PAGES)
            for label, target, permission, rooms in STAFF_BAR
            if who.may(permission)
        ]
        return shared | {
            "navigation": bar,
            "acting": f"{who.acting} · {who.name}",
            "home_url": url_for("staff.home"),
            "sign_out_url": url_for("staff.sign_out"),
        }
    own = f"{request.path}/".startswith("/me/")  # one's bookings are drawn by another room and still stand under "Me"
    bottom = [
        Item(_(label), url_for(target), (target == "me.index") if own else here in rooms or endpoint == target, icon)
        for label, target, icon, rooms in WORKER_BAR
    ]
    signed = who is not None
    return shared | {
        "bottom_bar": bottom,
        "sign_out_url": url_for("workers.sign_out") if signed else None,
        "sign_in_url": None if signed else url_for("workers.sign_in"),
    }


@home.get("/")
@public
def index() -> Response:
    """What this is, for whoever comes: find a station, sign in, join if you like."""
    return page("front/index.html")


@home.get("/privacy")
@public
def privacy() -> Response:
    """The privacy notice, with its version."""
    return page("front/privacy.html", version=NOTICE_VERSION)


@home.post("/language/<string:locale>")
@public
@changes_nothing("the choice is a cookie, no row")
def language(locale: str) -> Response:
    """Switch the language; the choice stays for a year."""
    if locale not in i18n.LOCALES:
        abort(404)
    response = make_response(redirect(safe_next(request.form.get("next"), "/"), 303))
    response.set_cookie(
        i18n.COOKIE, locale, max_age=365 * 86400, samesite="Lax", httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )  # fmt: skip
    return response


@home.get("/demo/messages")
@public
def messages() -> Response:
    """In the demonstration only: what would have gone to people's phones."""
    if not current_app.config["SETTINGS"].demo:
        abort(404)
    return page("front/messages.html", messages=outbox.recent(), title=_("Messages sent in this demonstration"))
