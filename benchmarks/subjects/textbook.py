"""The same work as a careful textbook writes it: Flask-Login, Flask-WTF, the SQLAlchemy ORM, one question at a time.

Same tables, same promises in a single thread (it does not hold them in a race), same fragment as answer. Flask-Login's
context processor and Flask's signed cookie are as they come.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import timedelta

import sqlalchemy as sa
from flask import Blueprint, Flask, abort, render_template
from flask_login import LoginManager, UserMixin, current_user, login_required
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.csrf import generate_csrf
from wtforms import SelectField, StringField
from wtforms.validators import UUID as IsUuid
from wtforms.validators import DataRequired, Length

from portal import clock, i18n
from portal.access import ROLES, Permission
from portal.config import carried
from portal.db import db
from portal.idempotency import IdempotencyKey
from portal.members.workers.models import Worker
from portal.sessions import Session
from portal.stations.register.models import Station
from portal.stations.visits.commands import Logged
from portal.stations.visits.models import StationMonth, UnionDay, UnionMonth, Visit, VisitLine, VisitSource
from portal.types import new_id
from portal.unions.staff.models import Account, Appointment
from portal.unions.tree.models import UnionReach
from portal.vocabulary import BasicService, Occupation

desk = Blueprint("desk", __name__)
login = LoginManager()


class User(UserMixin):
    """The signed-in account."""

    def __init__(self, account: Account, appointments: list[Appointment]) -> None:
        self.id, self.account, self.appointments = str(account.id), account, appointments

    def unions(self, permission: Permission) -> list:
        """Where the permission begins."""
        return [held.union_id for held in self.appointments if permission in ROLES[held.role]]


@login.user_loader
def load_user(ident: str) -> User | None:
    """Session row, account and appointments, one after the other."""
    account = db.session.get(Account, ident)
    row = db.session.scalar(
        db.select(Session).filter_by(actor_kind="staff", actor_id=ident, revoked_at=None).order_by(Session.created_at.desc())
    )
    if account is None or account.closed_at or row is None or row.expires_at < clock.now():
        return None
    held = db.session.scalars(db.select(Appointment).filter_by(account_id=account.id)).all()
    return User(account, [one for one in held if one.ends_on is None or one.ends_on >= clock.today()])


class VisitForm(FlaskForm):
    """One tap."""

    key = StringField(validators=[DataRequired(), Length(8, 64)])
    worker = StringField(validators=[DataRequired(), IsUuid()])
    service = SelectField(choices=[(word.value, word.label) for word in BasicService], validators=[DataRequired()])
    occupation = SelectField(choices=[(word.value, word.label) for word in Occupation], default="other")


@desk.post("/desk/<string:code>/visits")
@login_required
def log(code: str):
    """Log one service to one person."""
    form = VisitForm()
    if not form.validate_on_submit():
        return form.errors, 422
    station = db.session.scalar(db.select(Station).filter_by(code=code)) or abort(404)
    db.session.scalar(
        db.select(UnionReach).where(
            UnionReach.union_id == station.union_id, UnionReach.ancestor_id.in_(current_user.unions(Permission.SERVE))
        )
    ) or abort(404)
    worker = db.session.get(Worker, form.worker.data) or abort(404)
    service, moment = BasicService(form.service.data), clock.now()
    body = hashlib.sha256(f"{code}|{worker.id}|{service}".encode()).digest()
    claimed = db.session.get(IdempotencyKey, (current_user.id, form.key.data))
    if claimed is not None:
        return ("reused", 409) if claimed.body_hash != body else ("already", 200)
    visit, line = _write(station, worker, service, moment)
    db.session.add(IdempotencyKey(actor=current_user.id, key=form.key.data, body_hash=body, at=moment,
                                  answer={"line": str(line.id)}))  # fmt: skip
    db.session.commit()
    logged = Logged(line.id, line.at, True, line.repeated, visit.first_ever, worker.name, worker.occupation)
    tap = type("Tap", (), {"worker_id": worker.id, "service": service, "occupation": worker.occupation})
    return render_template("desk/_logged.html", code=code, tap=tap, logged=logged, name=worker.name, key=new_key())


def _write(station: Station, worker: Worker, service: BasicService, moment) -> tuple[Visit, VisitLine]:
    """Visit, line and roll-ups."""
    day_start = clock.start_of(clock.business_day(moment))
    earlier = db.session.scalars(
        db.select(VisitLine)
        .join(Visit, sa.and_(Visit.id == VisitLine.visit_id, Visit.at == VisitLine.visit_at))
        .where(Visit.worker_id == worker.id, VisitLine.service == service, VisitLine.at >= day_start)
        .order_by(VisitLine.at.desc())
    ).first()
    if earlier and earlier.station_id == station.id and earlier.at > moment - timedelta(minutes=5):
        return db.session.get(Visit, (earlier.visit_id, earlier.visit_at)), earlier
    visit = db.session.scalars(
        db.select(Visit)
        .where(Visit.worker_id == worker.id, Visit.station_id == station.id, Visit.at > moment - timedelta(hours=2))
        .order_by(Visit.at.desc())
    ).first()
    known = visit or db.session.scalars(db.select(Visit).where(Visit.worker_id == worker.id).limit(1)).first()
    fresh = visit is None
    if fresh:
        visit = Visit(at=moment, station_id=station.id, union_id=station.union_id, worker_id=worker.id, id=new_id(),
                      occupation=worker.occupation, source=VisitSource.DESK, first_ever=known is None)  # fmt: skip
        db.session.add(visit)
        db.session.flush()
    line = VisitLine(id=new_id(), at=moment, visit_id=visit.id, visit_at=visit.at, station_id=station.id, service=service,
                     repeated=earlier is not None, by_account_id=current_user.account.id)  # fmt: skip
    db.session.add(line)
    day = clock.business_day(moment)
    month = clock.first_of_month(day)
    for model, owner in ((UnionDay, {"union_id": station.union_id, "day": day}),
                         (UnionMonth, {"union_id": station.union_id, "month": month}),
                         (StationMonth, {"station_id": station.id, "month": month})):  # fmt: skip
        total = db.session.scalar(db.select(model).filter_by(**owner))
        if total is None:
            total = model(**owner, visits=0, identified=0, lines=0)
            db.session.add(total)
        total.visits += fresh
        total.identified += fresh
        total.lines += 1
    return visit, line


@desk.get("/desk/<string:code>", endpoint="desk")
def page(code: str) -> str:
    """Only so that the fragment's links can be drawn."""
    return ""


@desk.post("/desk/<string:code>/undo")
def undo(code: str) -> str:
    """Only so that the fragment's links can be drawn."""
    return ""


def new_key() -> str:
    """A fresh key for a form."""
    return secrets.token_urlsafe(18)


def app() -> Flask:
    """What each granian worker loads."""
    textbook = Flask(__name__, template_folder=str(carried("templates")))
    textbook.config.update(
        SECRET_KEY=os.environ["PORTAL_SECRET_KEY"], SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"], WTF_CSRF_TIME_LIMIT=None
    )
    db.init_app(textbook)
    i18n.prepare(textbook)
    CSRFProtect(textbook)
    login.init_app(textbook)
    textbook.register_blueprint(desk)
    textbook.jinja_env.globals.update(new_key=new_key, csrf_token=generate_csrf)
    return textbook
