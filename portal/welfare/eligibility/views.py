"""HTTP of rules: what is in force in words, its versions, the next one with whom it gains and loses, the decision."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, url_for

from portal import access
from portal.access import Permission, requires
from portal.types import N_, Problem, Refused, Text, text
from portal.unions.staff.queries import names_of_staff
from portal.unions.tree.queries import find_union, reaches
from portal.web import changes_nothing, done, invalid, page, writes
from portal.welfare.eligibility import commands, queries, rules
from portal.welfare.eligibility.forms import RuleForm
from portal.welfare.eligibility.models import RuleValues
from portal.welfare.eligibility.queries import Place

bp = Blueprint("eligibility", __name__)

VIEW, PLAN, APPROVE = Permission.VIEW_PROGRAMMES, Permission.PLAN_PROGRAMMES, Permission.APPROVE_PROGRAMMES
HERE = "/programmes/<string:programme>/rule"


def _may(place: Place, permission: Permission) -> bool:
    return access.actor().may(permission) and reaches(access.actor(), permission, place.union_id)


# --- what holds ----------------------------------------------------------------------------------------------------


@bp.get(HERE)
@requires(VIEW)
def show(programme: str) -> Response:
    """The rule in force, what waits for a decision, and all versions."""
    return _show(queries.get_place(programme, access.actor(), VIEW))


def _show(place: Place, problems: list[Problem] = ()) -> Response:
    versions = queries.list_versions(place.id)
    names = queries.union_names(*versions)
    people = {rule.proposed_by_account_id for rule in versions} | {rule.approved_by_account_id for rule in versions}
    in_force = next((rule for rule in versions if rule.approved_at), None)
    waiting = next((rule for rule in versions if not rule.approved_at and not rule.rejected_at), None)
    before = {
        rule.id: next((one for one in versions if one.version < rule.version and one.approved_at), None) for rule in versions
    }
    draw = invalid if problems else page
    return draw(
        "welfare/eligibility/show.html", place=place, versions=versions, in_force=in_force, waiting=waiting, problems=problems,
        says={rule.id: rules.says_rule(rule, names) for rule in versions}, people=names_of_staff(people - {None}),
        changes={rule.id: rules.differences(before[rule.id], rule, names) for rule in versions},
        change=queries.gain_and_lose(place.id, waiting, place.union_id) if waiting else None,
        may_plan=_may(place, PLAN), may_approve=_may(place, APPROVE),
    )  # fmt: skip


@bp.get("/programmes/rules")
@requires(APPROVE)
def waiting() -> Response:
    """The changes of rules that wait for one's decision."""
    return page("welfare/eligibility/waiting.html", rows=queries.list_waiting(access.actor()))


# --- the next version ----------------------------------------------------------------------------------------------


@bp.get(HERE + "/edit")
@requires(PLAN)
def edit(programme: str) -> Response:
    """The form of the next version; it begins with what is in force."""
    place = queries.get_place(programme, access.actor(), PLAN)
    rule = queries.find_proposal(place.id) or queries.find_rule(place.id) or RuleValues()
    return _form(place, RuleForm(data=RuleForm.known(rule, queries.union_codes(rule))))


def _form(place: Place, form: RuleForm, change: Any = None, says: list[Text] = ()) -> Response:
    draw = invalid if form.errors else page
    return draw("welfare/eligibility/edit.html", fragments=("change",), place=place, form=form, change=change, says=says,
                in_force=queries.find_rule(place.id))  # fmt: skip


def _typed(place: Place, form: RuleForm) -> RuleValues | None:
    """What was typed; None with the errors said when it is not understood."""
    if not form.validate():
        return None
    union = find_union(form.union_code.data, access.actor(), PLAN) if form.union_code.data else None
    values = form.values(union.id if union else None)
    unknown = Problem("union_unknown", text(N_("This is no union in your part of the tree.")), field="union_code")
    in_force = queries.find_rule(place.id)
    problems = rules.problems_with_values(values, RuleValues.of(in_force) if in_force else None)
    return values if form.take([*([unknown] if form.union_code.data and not union else []), *problems]) else None


@bp.post(HERE + "/preview")
@requires(PLAN)
@changes_nothing("whom a rule would gain and lose is counted, and what was typed is no address")
def preview(programme: str) -> Response:
    """Look first: how many people gain, lose and keep it."""
    place, form = queries.get_place(programme, access.actor(), PLAN), RuleForm()
    values = _typed(place, form)
    if values is None:
        return _form(place, form)
    change = queries.gain_and_lose(place.id, values, place.union_id)
    return _form(place, form, change, rules.says_rule(values, queries.union_names(values)))


@bp.post(HERE)
@requires(PLAN)
@writes
def propose(programme: str) -> Response:
    """Propose the version; another person approves it."""
    place, form = queries.get_place(programme, access.actor(), PLAN), RuleForm()
    values = _typed(place, form)
    if values is None:
        return _form(place, form)
    try:
        commands.propose_rule(programme_id=place.id, values=values, by=access.by())
    except Refused as refused:
        form.take(refused.problems)
        return _form(place, form)
    return done(url_for("eligibility.show", programme=place.code), text(N_("Proposed. Another person has to approve it.")))


# --- the decision --------------------------------------------------------------------------------------------------


def _decide(place: Place, rule_id: UUID, command: Any, says: Text) -> Response:
    rule = queries.get_version(place.id, rule_id)
    try:
        command(rule=rule, by=access.by())
    except Refused as refused:
        return _show(place, refused.problems)
    return done(url_for("eligibility.show", programme=place.code), says)


@bp.post(HERE + "/<uuid:rule_id>/approve")
@requires(APPROVE)
@writes
def approve(programme: str, rule_id: UUID) -> Response:
    """Put the version into force."""
    place = queries.get_place(programme, access.actor(), APPROVE)
    return _decide(place, rule_id, commands.approve_rule, text(N_("Approved. The rule holds from now on.")))


@bp.post(HERE + "/<uuid:rule_id>/reject")
@requires(APPROVE)
@writes
def reject(programme: str, rule_id: UUID) -> Response:
    """Do not put it into force."""
    place = queries.get_place(programme, access.actor(), APPROVE)
    return _decide(place, rule_id, commands.reject_rule, text(N_("The proposal is dropped; the rule in force stays.")))


@bp.post(HERE + "/<uuid:rule_id>/withdraw")
@requires(PLAN)
@writes
def withdraw(programme: str, rule_id: UUID) -> Response:
    """Take the proposal back."""
    place = queries.get_place(programme, access.actor(), PLAN)
    return _decide(place, rule_id, commands.reject_rule, text(N_("The proposal is dropped; the rule in force stays.")))
