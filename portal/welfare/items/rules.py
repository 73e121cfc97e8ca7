"""What is decided about items from values alone, and the templates that others' lists gave us."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from portal.types import N_, Problem, Text, text
from portal.welfare.items.models import Proof, ServiceClass, WelfareCategory, WelfareItem

SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is easily taken for something else
UNNAMED_PROOFS = (Proof.NONE, Proof.PHOTO)


@dataclass(frozen=True)
class ItemValues:
    """An item as it is entered; ``unit_cost`` in yuan, ``supply_item_id`` of a thing in stock or None."""

    name: str
    category: WelfareCategory
    procedure: str
    unit: str
    service_class: ServiceClass = ServiceClass.UNIVERSAL
    unit_cost: Decimal = Decimal(0)
    provider_name: str | None = None
    proof: Proof = Proof.NONE
    named: bool = True
    needs_two: bool = False
    supply_item_id: UUID | None = None


def new_code(first: str) -> str:
    """A short code that nobody has yet, as good as surely; the database holds that it is nobody's."""
    return first + "".join(secrets.choice(SIGNS) for _ in range(6))


def problems_with_item(values: ItemValues) -> list[Problem]:
    """What keeps an item out of the catalogue."""
    found = []
    if not values.named and values.proof not in UNNAMED_PROOFS:
        says = N_("Given without a name, nobody can be asked for a code or a signature. Choose no proof, or a photo.")
        found.append(Problem("unnamed_proof", text(says), field="proof"))
    if values.unit_cost != values.unit_cost.quantize(Decimal("0.01")):
        found.append(Problem("fen", text(N_("Enter the cost to the fen, not finer.")), field="unit_cost"))
    return found


def problems_with_changing(item: WelfareItem, values: ItemValues, users: list[str]) -> list[Problem]:
    """What may not change while programmes (by name) give it: whether a name is kept, for what was promised was promised so."""
    if item.named is not values.named and users:
        says = N_("%(programmes)s gives it already; whether a name is kept stays as it was promised. Add another item instead.")
        return [Problem("named_in_use", text(says, programmes="、".join(users[:3])), field="named")]
    return []


def problems_with_closing(users: list[str]) -> list[Problem]:
    """An item stays in the catalogue while programmes give it."""
    if not users:
        return []
    says = N_("%(programmes)s still gives it. End that programme first.")
    return [Problem("in_use", text(says, programmes="、".join(users[:3])))]


# --- templates -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Template:
    """Something to begin an item with. ``known``: what was written down about it elsewhere; nobody's cost is made up."""

    key: str
    name: str
    category: WelfareCategory
    procedure: str
    unit: str
    known: Text | None = None
    service_class: ServiceClass = ServiceClass.UNIVERSAL
    proof: Proof = Proof.NONE
    named: bool = True


@dataclass(frozen=True)
class TemplateList:
    """A list of templates and where it comes from."""

    name: str
    says: Text
    templates: tuple[Template, ...]


C, UNIT = WelfareCategory, N_("person (unit)")
CHECK_UP = N_("Come with an empty stomach and your identity card to the hospital on your day. The result goes to you alone.")
ENTER = N_("The union enters those who agree and pays the year; the person gets the plan's number and how to claim.")

SIX_SERVICES = TemplateList(
    N_("The six services"),
    text(N_("Baiyin's list: six services for which the city raised 6,000,000 yuan.")),
    (
        Template(
            "training", N_("Vocational skills training"), C.SKILLS_TRAINING,
            N_("Enrol, come to the course, sign in each day; who finishes gets the certificate."), UNIT, proof=Proof.SIGNATURE,
        ),
        Template(
            "check_up", N_("Free health check-up"), C.HEALTH_CHECK, CHECK_UP, UNIT, proof=Proof.CODE,
            known=text(N_("Yunnan paid 500 yuan each for 15,000 people in 2024. Qingdao offered packages of 545 and 465 yuan, of"
                          " which people paid 150 and 100.")),
        ),
        Template(
            "visit", N_("Home and site visit"), C.HARDSHIP_VISIT,
            N_("Two people of the union visit at home or at work, listen, and write down what is needed next."), UNIT,
            service_class=ServiceClass.ONE_TO_ONE, proof=Proof.SIGNATURE,
        ),
        Template(
            "screening", N_("Breast and cervical cancer screening (item)"), C.CANCER_SCREENING,
            N_("Book a day, come with your identity card to the hospital. The result goes to you alone."), UNIT, proof=Proof.CODE,
            known=text(N_("Shaoxing gave 400 screenings of 7 tests at 520 yuan in 2024, 100 of them online, first come, first"
                          " served. Hunan invites ages 30 to 60; who had none in the last 2 years comes first.")),
        ),
        Template(
            "mutual_aid", N_("Gift of a mutual-aid plan"), C.MUTUAL_AID, ENTER, UNIT, proof=Proof.CODE,
            known=text(N_("Gansu gave it to 100,000 workers in 2022 for 12,000,000 yuan, 120 yuan each.")),
        ),
        Template(
            "psych", N_("Mental-health service"), C.PSYCH_SUPPORT,
            N_("Come to the talk, or call; nobody asks for a name and no note of what is said is kept here."), UNIT, named=False,
        ),
    ),
)  # fmt: skip
SERVICE_MONTH = TemplateList(
    N_("The service month's list"),
    text(N_("Shenyang's month of service: what a street or a village can do.")),
    (
        Template(
            "month_matchmaking", N_("Meeting for single people"), C.MATCHMAKING,
            N_("Enrol; the union gathers people at one place and looks after a safe evening."), UNIT,
        ),
        Template(
            "month_visit", N_("Visit in the service month"), C.HARDSHIP_VISIT,
            N_("Two people of the union visit at home or at work, listen, and write down what is needed next."), UNIT,
            service_class=ServiceClass.ONE_TO_ONE, proof=Proof.SIGNATURE,
        ),
        Template(
            "month_culture", N_("Culture and sport together"), C.CULTURE_SPORT,
            N_("Enrol or walk in; games, films or a run, near where people work."), UNIT,
        ),
        Template(
            "month_check_up", N_("Check-up in the service month"), C.HEALTH_CHECK, CHECK_UP, UNIT, proof=Proof.CODE,
            known=text(N_("Shenyang gave 10,000 free check-ups.")),
        ),
        Template(
            "month_mutual_aid", N_("Accident and critical-illness mutual aid"), C.MUTUAL_AID, ENTER, UNIT, proof=Proof.CODE,
            known=text(N_("Shenyang gave it to 10,000 people.")),
        ),
        Template(
            "month_cool", N_("Cool drinks by a code online"), C.HEAT_RELIEF,
            N_("Fetch a code with the phone, show it at the station, take the drink."), N_("portion (unit)"), proof=Proof.CODE,
        ),
        Template(
            "month_film", N_("Cinema tickets"), C.CULTURE_SPORT,
            N_("Tickets are offered at an hour that was announced; whoever gets one shows its code at the cinema."),
            N_("ticket (unit)"), proof=Proof.CODE,
        ),
        Template(
            "month_ebike", N_("E-bike paperwork on the spot"), C.EBIKE_PAPERWORK,
            N_("Bring the e-bike, its papers and your identity card; the office does the paperwork at the station."),
            N_("vehicle (unit)"), service_class=ServiceClass.OCCUPATION_SPECIFIC,
        ),
        Template(
            "month_vaccine", N_("Quick lane for vaccination"), C.VACCINATION,
            N_("Come with your identity card in the hours kept for outdoor workers."), UNIT,
        ),
    ),
)  # fmt: skip
TEMPLATE_LISTS = (SIX_SERVICES, SERVICE_MONTH)


def find_template(key: str | None) -> Template | None:
    """A template by its key, or None."""
    return next((one for group in TEMPLATE_LISTS for one in group.templates if one.key == key), None)
