"""Builders of what deliveries lean on, and of deliveries: made by the command, so that quota, stock and money move with them."""

from __future__ import annotations

from io import BytesIO
from types import SimpleNamespace
from uuid import UUID

from PIL import Image

from portal import clock, pictures
from portal.access import SYSTEM, By
from portal.db import db
from portal.members.workers.models import Worker
from portal.stations.register.models import Station
from portal.types import new_id
from portal.unions.tree.models import Union
from portal.vocabulary import Occupation
from portal.welfare.checks import commands as checks
from portal.welfare.deliveries import commands
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.programmes.models import Charge, Programme
from portal.welfare.quotas.models import QuotaShare
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.supplies import make_supply, put_in_stock
from tests.factories.welfare import make_item, make_programme
from tests.factories.workers import make_worker

RIDER = Occupation.FOOD_DELIVERY_RIDER


def giver() -> By:
    """Somebody of the staff who hands over."""
    return By("staff", make_account().id)


def give(programme: Programme, station: Station | None, worker=None, by: By | None = None, **values) -> Delivery:
    """Hand over by the command, and commit."""
    known = {"worker_id": worker.id if worker else None, "occupation": worker.occupation if worker else RIDER,
             "source": DeliverySource.DESK, "by": by or giver()}  # fmt: skip
    row = commands.deliver(programme=programme, station=station, **known | values)
    db.session.commit()
    return row


def make_share(programme: Programme, amount: int) -> QuotaShare:
    """The programme's own quota."""
    share = QuotaShare(id=new_id(), programme_id=programme.id, union_id=programme.union_id, amount=amount, created_at=clock.now())
    db.session.add(share)
    db.session.commit()
    return share


def make_shelf(union: Union, quantity: int = 10, *, rule: dict | None = None, item: dict | None = None, **programme):
    """A station with goods on its shelf, and a programme that gives them: answers station, item, lot, programme, worker."""
    station = make_station(union=union)
    supply = make_supply(union)
    lot = put_in_stock(station, supply, quantity, cost=3)
    given = make_item(union, supply_item_id=supply.id, unit="盒", **item or {})
    known = {"charge": Charge.GOODS} | programme
    made = make_programme(union, given, stations=(station,), rule=rule, **known)
    return SimpleNamespace(station=station, supply=supply, lot=lot, item=given, programme=made, worker=make_worker())


def make_checked(programme: Programme, station: Station, worker: Worker, sign: str) -> dict[str, UUID]:
    """A delivery with a dispute and a sample of it, for the walk over all routes: what stands in addresses."""
    file = BytesIO()
    Image.new("RGB", (40, 40), "teal").save(file, "PNG")
    picture = pictures.keep(BytesIO(file.getvalue()), by=SYSTEM)
    row = give(programme, station, worker, late=True, source=DeliverySource.PAPER, proof_picture_id=picture.id)
    said = checks.dispute(delivery=row, worker=worker, note=f"{sign}路", by=By("worker", worker.id))
    today = clock.today()
    sample = checks.draw_sample(programme=programme, union_id=programme.union_id, first=today, last=today, size=1, by=giver())
    db.session.commit()
    return {"delivery_id": row.id, "dispute_id": said.id, "sample_id": sample.id, "receiver_id": worker.id}
