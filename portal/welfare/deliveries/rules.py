"""Why something may not be handed over or taken back, and what of a late entry is looked at: from values alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from portal.types import N_, Level, Problem, text, tidy
from portal.welfare.deliveries.models import Flag
from portal.welfare.eligibility.models import Audience, EligibilityRule
from portal.welfare.items.models import Proof, WelfareItem
from portal.welfare.programmes.models import ProgrammeStatus

MOST = 1000  # of one thing at once: whoever types more means something else
FEN = Decimal("0.01")


@dataclass(frozen=True)
class Proxy:
    """Who picks it up for somebody else, and what they are to them."""

    name: str
    relation: str


@dataclass(frozen=True)
class Shown:
    """What was shown at the counter: the receiver's code fits (None: none was given), a photo, a signature."""

    code_fits: bool | None = None
    photo: bool = False
    signature: bool = False


def red(problems: Collection[Problem]) -> list[Problem]:
    """Those that refuse."""
    return [one for one in problems if one.level is Level.RED]


# --- who -----------------------------------------------------------------------------------------------------------


def is_open_to_all(rule: EligibilityRule) -> bool:
    """Whether nothing of a rule depends on who somebody is, but perhaps their occupation, which can be seen."""
    asks = (rule.sex, rule.min_age, rule.max_age, rule.within_union_id, rule.employers, rule.interval_months, rule.person_limit)
    return rule.audience is Audience.ANYONE and not any(asks)


def problems_with_nobody(*, named: bool, rule: EligibilityRule | None, proof: Proof, occupation: str) -> list[Problem]:
    """Whether it may be given without saying to whom: an unnamed thing always, a named one if the rule asks for nothing."""
    if not rule:
        return [no_rule()]
    if rule.occupations and occupation not in rule.occupations:
        return [Problem("occupation", text(N_("This is not for this occupation.")))]
    if not named:
        return []
    if not is_open_to_all(rule):
        return [Problem("name_needed", text(N_("Its rule asks who receives it. Scan the card first, or type the phone.")))]
    if proof is Proof.CODE:
        return [Problem("name_needed", text(N_("It is confirmed by the receiver's code, so the receiver has to be known.")))]
    return []


def may_forget(rule: EligibilityRule | None, item: WelfareItem) -> bool:
    """Whether nothing depends on who received it, so that somebody who wants no record need not stand on one."""
    return rule is not None and is_open_to_all(rule) and item.proof is not Proof.CODE and not item.needs_two


def no_rule() -> Problem:
    """A programme without a rule in force gives nothing."""
    return Problem("no_rule", text(N_("No rule is in force for this programme yet, so nothing is given.")))


# --- what is shown -------------------------------------------------------------------------------------------------


def problems_with_proof(proof: Proof, shown: Shown) -> list[Problem]:
    """What the item asks as proof and was not shown."""
    if proof is Proof.CODE and not shown.code_fits:
        if shown.code_fits is None:
            says = N_("Scan the receiver's code, or type the code of their booking.")
            return [Problem("code_missing", text(says), field="proof_code")]
        says = N_("This code does not belong to this person, or it is not of today and here. Ask them to open it anew.")
        return [Problem("code_wrong", text(says), field="proof_code")]
    if proof is Proof.PHOTO and not shown.photo:
        return [Problem("photo_missing", text(N_("This one is shown by a photo. Take it and send it along.")), field="photo")]
    if proof is Proof.SIGNATURE and not shown.signature:
        says = N_("This one is signed for. Have the sheet signed, then tick that you saw it.")
        return [Problem("signature_missing", text(says), field="signature_seen")]
    return []


def problems_with_proxy(proof: Proof, proxy: Proxy | None, *, named: bool) -> list[Problem]:
    """Whether somebody else may pick it up."""
    if proxy is None:
        return []
    if not named:
        return [Problem("proxy_for_nobody", text(N_("Without a receiver nobody can pick it up for them.")), field="proxy_name")]
    if proof is Proof.CODE:
        says = N_("It is confirmed by the receiver's own code, so they come themselves.")
        return [Problem("proxy_not_here", text(says), field="proxy_name")]
    if not tidy(proxy.name) or not tidy(proxy.relation):
        says = N_("Say both who picks it up and what they are to the receiver.")
        return [Problem("proxy_not_whole", text(says), field="proxy_name")]
    return []


# --- by whom -------------------------------------------------------------------------------------------------------


def problems_with_two_people(
    *, needs_two: bool, giver: UUID | None, others: Collection[UUID | None], reason: str | None
) -> list[Problem]:
    """For what is costly: who registered, booked or decided does not hand over, unless they say why it had to be."""
    if not needs_two or (giver is not None and giver not in others):
        return []
    if reason and tidy(reason):
        return []
    says = N_(
        "Two people are needed for this: you registered or booked this person, or decided on the programme. Ask a "
        "colleague to hand it over, or say why it has to be you; somebody else will look at it."
    )
    return [Problem("two_people", text(says), field="exception_reason")]


# --- the rest ------------------------------------------------------------------------------------------------------


def problems_with_delivering(*, quantity: int, at: datetime, now: datetime, booked: bool) -> list[Problem]:
    """What no entry may be, however late it comes."""
    if not 1 <= quantity <= MOST:
        return [Problem("quantity", text(N_("Enter a quantity from 1 to %(most)s."), most=MOST), field="quantity")]
    if booked and quantity != 1:
        says = N_("A booking is for one. Hand out the others without the booking.")
        return [Problem("booking_is_for_one", text(says), field="quantity")]
    if at > now:
        return [Problem("future", text(N_("This moment is still to come.")), field="at")]
    return []


def problems_with_booking(*, fits: bool, given_at: datetime | None) -> list[Problem]:
    """Whether something may be handed out on this booking."""
    if not fits:
        return [Problem("booking_of_another", text(N_("This booking is for somebody else, or for something else.")))]
    if given_at:
        return [Problem("given_already", text(N_("Given with this booking already, on %(at)s."), at=given_at))]
    return []


def problems_with_reversing(*, reversed_at: datetime | None, status: ProgrammeStatus, reason: str | None) -> list[Problem]:
    """Whether a delivery may be taken back: once, with a reason, and not after the accounts were settled."""
    if reversed_at:
        return [Problem("reversed_already", text(N_("Taken back already, on %(at)s."), at=reversed_at))]
    if status is ProgrammeStatus.SETTLED:
        return [Problem("settled", text(N_("The accounts of this programme are settled; nothing is taken back any more.")))]
    if not reason or not tidy(reason):
        return [Problem("reason_missing", text(N_("Say why it is taken back.")), field="reason")]
    return []


def unit_cost(cost: Decimal, quantity: int) -> Decimal:
    """What one cost, to the fen."""
    return (cost / quantity).quantize(FEN)


def flags_of(found: Collection[Flag]) -> list[str]:
    """As the column keeps them: each once, in the order of the vocabulary."""
    return [one.value for one in Flag if one in found]
