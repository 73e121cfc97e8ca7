"""Changes of a rule: propose a version, approve it, reject it. A version that was decided never changes again."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.types import Refused, new_id
from portal.welfare.eligibility import queries, rules
from portal.welfare.eligibility.models import EligibilityRule
from portal.welfare.eligibility.rules import RuleValues


def propose_rule(*, programme_id: UUID, values: RuleValues, by: By) -> EligibilityRule:
    """Propose the next version of a programme's rule; one that still waited is withdrawn by it. Raises `Refused`."""
    union_id = queries.union_of(programme_id, lock=True)
    in_force = queries.find_rule(programme_id)
    if problems := rules.problems_with_values(values, RuleValues.of(in_force) if in_force else None):
        raise Refused(problems)
    if waiting := queries.find_proposal(programme_id):
        _reject(waiting, union_id, by)
    last = sa.select(sa.func.coalesce(sa.func.max(EligibilityRule.version), 0))
    rule = EligibilityRule(
        id=new_id(), programme_id=programme_id,
        version=db.session.scalar(last.where(EligibilityRule.programme_id == programme_id)) + 1,
        proposed_at=clock.now(), proposed_by_account_id=_account(by), **values.columns(),
    )  # fmt: skip
    db.session.add(rule)
    db.session.flush()
    audit.record("rule.proposed", by=by, subject=rule, union_id=union_id, version=rule.version, reason=values.reason)
    return rule


def approve_rule(*, rule: EligibilityRule, by: By) -> EligibilityRule:
    """Put a proposed version into force; it holds for what is decided from now on. Raises `Refused`."""
    union_id = queries.union_of(rule.programme_id, lock=True)
    db.session.refresh(rule, with_for_update=True)
    if problems := rules.problems_with_deciding(rule, _account(by)):
        raise Refused(problems)
    rule.approved_at, rule.approved_by_account_id = max(clock.now(), rule.proposed_at), _account(by)
    db.session.flush()
    audit.record("rule.approved", by=by, subject=rule, union_id=union_id, version=rule.version)
    return rule


def reject_rule(*, rule: EligibilityRule, by: By) -> EligibilityRule:
    """Drop a proposed version: by whoever decides, or withdrawn by who proposed it. Raises `Refused`."""
    union_id = queries.union_of(rule.programme_id, lock=True)
    db.session.refresh(rule, with_for_update=True)
    if rule.approved_at or rule.rejected_at:
        raise Refused([rules.DECIDED])
    return _reject(rule, union_id, by)


def _reject(rule: EligibilityRule, union_id: UUID, by: By) -> EligibilityRule:
    rule.rejected_at, rule.rejected_by_account_id = max(clock.now(), rule.proposed_at), _account(by)
    db.session.flush()
    audit.record("rule.rejected", by=by, subject=rule, union_id=union_id, version=rule.version)
    return rule


def _account(by: By) -> UUID | None:
    return by.id if by.kind == "staff" else None
