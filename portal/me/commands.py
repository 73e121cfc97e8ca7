"""What a worker changes on their own pages, where rooms meet."""

from __future__ import annotations

from portal.access import By
from portal.members.joining import commands as joining
from portal.members.joining import queries as joining_queries
from portal.members.workers import commands as workers
from portal.members.workers.models import Purpose, Worker


def withdraw_consent(*, worker: Worker, purpose: Purpose, by: By) -> None:
    """End a consent; without the one to process the application an open application ends with it."""
    workers.withdraw_consent(worker=worker, purpose=purpose, by=by)
    if purpose is Purpose.MEMBERSHIP and (application := joining_queries.find_open(worker.id)):
        joining.withdraw(application=application, by=by)
