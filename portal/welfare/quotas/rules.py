"""What is decided about shares from values alone."""

from __future__ import annotations

from datetime import date

from portal.types import N_, Problem, text
from portal.welfare.quotas.models import QuotaShare

MOST = 10_000_000


def quota_full(holder: str, left: int, asked: int) -> Problem:
    """Nothing, or not enough, is left of the share."""
    says = text(N_("The quota of “%(holder)s” is used up."), holder=holder)
    if left > 0:
        says = text(
            N_("“%(holder)s” has %(left)s of its quota left; %(asked)s were asked."), holder=holder, left=left, asked=asked
        )
    return Problem("quota_full", says)


def not_beneath(holder: str) -> Problem:
    """Quota goes down the tree only."""
    says = text(N_("“%(holder)s” does not stand beneath this holder. Quota goes down the tree only."), holder=holder)
    return Problem("not_beneath", says, field="holder")


def holds_already(holder: str) -> Problem:
    """One holder has one share of a programme."""
    says = text(N_("“%(holder)s” already has a share from another union. Change it there."), holder=holder)
    return Problem("holds_already", says, field="holder")


def problems_with_amount(amount: int | None) -> list[Problem]:
    """An amount that can be handed down."""
    if amount is None or not 1 <= amount <= MOST:
        return [Problem("amount_wrong", text(N_("Enter a whole number, 1 or more.")), field="amount")]
    return []


def problems_with_handing(share: QuotaShare, amount: int | None) -> list[Problem]:
    """Never more than is left."""
    if amount is not None and amount > share.left:
        says = text(N_("%(left)s are left to hand down; %(asked)s were asked."), left=share.left, asked=amount)
        return [Problem("above_parent", says, field="amount")]
    return []


def problems_with_day(take_back_on: date | None, today: date) -> list[Problem]:
    """A take-back day lies ahead: on the day itself, at its first moment, what is unused goes back."""
    if take_back_on is not None and take_back_on <= today:
        return [Problem("day_past", text(N_("The take-back day must lie ahead.")), field="take_back_on")]
    return []


def problems_with_change(share: QuotaShare, above: QuotaShare, amount: int | None) -> list[Problem]:
    """Down to what was used and handed on, up to what the parent has left."""
    if amount is None or not 0 <= amount <= MOST:
        return [Problem("amount_wrong", text(N_("Enter a whole number, 0 or more.")), field="amount")]
    return _below(share, amount) + problems_with_handing_more(share, above, amount)


def problems_with_handing_more(share: QuotaShare, above: QuotaShare, amount: int) -> list[Problem]:
    """What is added comes from what the parent has left."""
    more = amount - share.amount
    if more > 0 and more > above.left:
        says = text(N_("At most %(most)s: %(left)s are left above."), most=share.amount + above.left, left=above.left)
        return [Problem("above_parent", says, field="amount")]
    return []


def _below(share: QuotaShare, amount: int) -> list[Problem]:
    if amount >= share.given + share.used:
        return []
    says = text(
        N_("At least %(least)s: %(used)s are used and %(given)s were handed down."),
        least=share.given + share.used, used=share.used, given=share.given,
    )  # fmt: skip
    return [Problem("below_used", says, field="amount")]


def problems_with_root(root: QuotaShare | None, amount: int) -> list[Problem]:
    """A programme's quota is never less than what was given and used."""
    if not 1 <= amount <= MOST:
        return [Problem("amount_wrong", text(N_("Enter a whole number, 1 or more.")), field="quota")]
    return [] if root is None else [Problem(one.code, one.says, field="quota") for one in _below(root, amount)]


def problems_with_no_quota(root: QuotaShare) -> list[Problem]:
    """A quota can only go while nothing hangs on it."""
    if root.given + root.used == 0:
        return []
    says = text(N_("The quota cannot go: %(used)s are used and %(given)s were handed down."), used=root.used, given=root.given)
    return [Problem("below_used", says, field="quota")]


def problems_with_taking_back(share: QuotaShare) -> list[Problem]:
    """There must be something unused."""
    if share.left > 0:
        return []
    return [Problem("nothing_left", text(N_("Nothing is unused here: all of it was used or handed down.")))]
