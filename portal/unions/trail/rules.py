"""How an entry of the trail reads: its action, its subject and its details in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from portal.access import Permission, Role
from portal.types import N_, Word
from portal.unions.tree.models import FormationRoute, UnionKind, UnionLevel

# What rooms write down, in words; an action that is not listed is shown as it is written.
ACTIONS = {
    "union.added": N_("Union added"),
    "union.changed": N_("Union changed"),
    "union.closed": N_("Union closed"),
    "unions.loaded": N_("Union tree loaded"),
    "account.signed_in": N_("Signed in"),
    "account.invited": N_("Account invited"),
    "account.invited_again": N_("Account invited again"),
    "account.accepted": N_("Invitation accepted"),
    "account.password_changed": N_("Password changed"),
    "account.disabled": N_("Account disabled"),
    "account.enabled": N_("Account enabled"),
    "account.created": N_("Account created"),
    "account.appointed": N_("Role given"),
    "account.appointment_ended": N_("Role withdrawn"),
    "refused": N_("Refused: not open to this role"),
    "station.added": N_("Station added"),
    "station.changed": N_("Station changed"),
    "stations.imported": N_("Stations imported"),
    "invitation.made": N_("Invited to join"),
    "invitation.opened": N_("Invitation opened"),
    "invitation.answered": N_("Invitation answered"),
    "application.written": N_("Application written"),
    "application.submitted": N_("Application handed in"),
    "application.returned": N_("Application returned"),
    "application.approved": N_("Application approved"),
    "application.rejected": N_("Application rejected"),
    "application.withdrawn": N_("Application withdrawn"),
    "application.reassigned": N_("Application reassigned"),
    "application.revealed": N_("Personal data uncovered"),
    "applications.exported": N_("Applications exported"),
    "membership.admitted": N_("Admitted as a member"),
    "members.exported": N_("Members exported"),
    "worker.registered": N_("Worker registered"),
    "worker.signed_in": N_("Worker signed in"),
    "worker.named": N_("Worker's name noted"),
    "worker.phone_added": N_("Phone added"),
    "worker.phone_confirmed": N_("Phone confirmed"),
    "worker.card_issued": N_("Card issued"),
    "worker.consent_given": N_("Consent given"),
    "worker.consent_withdrawn": N_("Consent withdrawn"),
    "worker.never_invite": N_("Asked not to be invited again"),
    "visit.reversed": N_("Visit taken back"),
    "take back a visit line": N_("Visit taken back"),
    "code.sent": N_("Code sent"),
    "code.used": N_("Code used"),
    "station.status_set": N_("Station opened, paused or closed"),
    "demonstration.made": N_("Demonstration data made"),
    "demonstration.continued": N_("Demonstration data continued"),
}

SUBJECTS = {
    "accounts": N_("Account"),
    "unions": N_("Union"),
    "stations": N_("Station"),
    "workers": N_("Worker"),
    "worker_phones": N_("Phone"),
    "worker_cards": N_("Card"),
    "invitations": N_("Invitation"),
    "applications": N_("Application"),
    "memberships": N_("Membership"),
    "visit_lines": N_("Visit"),
}

ACTORS = {
    "staff": N_("Staff"),
    "worker": N_("Worker"),
    "visitor": N_("Visitor"),
    "device": N_("Device"),
    "system": N_("The system"),
}

DETAILS = {
    "name": N_("Name"),
    "code": N_("Code"),
    "kind": N_("Kind"),
    "level": N_("Level"),
    "parent": N_("Parent"),
    "second_parent": N_("Second parent"),
    "affiliation": N_("Affiliation"),
    "funding": N_("Funds go through"),
    "custodian": N_("Custodian"),
    "formation_route": N_("How it was formed"),
    "founded_on": N_("Founded on"),
    "role": N_("Role"),
    "union": N_("Union"),
    "starts_on": N_("Starts on"),
    "ends_on": N_("Last day"),
    "sign_in_name": N_("Sign-in name"),
    "permission": N_("Permission"),
    "divisions": N_("Divisions"),
    "unions": N_("Unions"),
    "reason": N_("Reason"),
    "status": N_("Status"),
    "phone": N_("Phone"),
}

_WORDS: dict[str, type[Word]] = {
    "role": Role,
    "kind": UnionKind,
    "level": UnionLevel,
    "formation_route": FormationRoute,
    "permission": Permission,
}


def _said(name: str, value: Any) -> Any:
    try:
        return _WORDS[name](value)
    except (KeyError, ValueError):
        return value if isinstance(value, bool | int | str) else "–" if value is None else str(value)


def readable(details: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """(name, (value,)) or (name, (from, to)) of each detail, in the order of the names; what is empty is left out."""
    for name, value in sorted(details.items()):
        if isinstance(value, Mapping):
            yield from readable(value)
        elif isinstance(value, list) and len(value) == 2:
            yield name, (_said(name, value[0]), _said(name, value[1]))
        elif value is not None and value != "" and value != []:
            yield name, (_said(name, value),)
