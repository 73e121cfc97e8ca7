"""The command line: `portal serve`, `worker`, `load`, `demo`, `database`, `migrate`, `audit`, `routes`, `staff`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from portal import logs
from portal.config import Settings


def application():
    """The application on a database that answers and is up to date in structure."""
    from portal import create_app, postgres

    settings = Settings()
    address = postgres.ensure(settings)
    return create_app(settings, database_url=address)


@click.group()
@click.version_option(package_name="portal")
def main() -> None:
    """Stations, services and welfare for outdoor workers."""
    logs.start(Settings().log_level)


@main.command()
def database() -> None:
    """Keep the embedded database running until nobody uses it (serve and worker start this by themselves)."""
    from portal import postgres

    postgres.supervise(Settings())


@main.command()
def migrate() -> None:
    """Bring the database's structure up to date."""
    from flask_migrate import upgrade

    with application().app_context():
        upgrade()
    click.echo("The database is up to date.")


@main.command()
def serve() -> None:
    """Serve the portal over HTTP."""
    from portal import serving

    serving.serve(Settings())


@main.command()
@click.option("--once", is_flag=True, help="Do what is due and end.")
def worker(once: bool) -> None:
    """Send messages, seal the audit trail and closed days, make partitions ahead, apply retention."""
    from portal import working

    app = application()
    with app.app_context():
        working.run_once() if once else working.run()


@main.group()
def load() -> None:
    """Load data from files."""


@load.command("unions")
def load_unions() -> None:
    """Build Henan's union tree from the division files; again: adds what is missing, changes nothing else."""
    from portal.db import transactional
    from portal.unions.tree.imports import load_henan

    with application().app_context():
        click.echo(transactional(load_henan)())


@load.command("stations")
@click.argument("workbook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--union", "union_code", required=True, help="Code of the union in whose name the stations are loaded.")
def load_stations(workbook: Path, union_code: str) -> None:
    """Load a union's station workbook."""
    from sqlalchemy.exc import NoResultFound

    from portal.stations.exchange.imports import load_workbook
    from portal.tables import Unreadable

    with application().app_context():
        try:
            outcome = load_workbook(workbook, union_code)
        except Unreadable as trouble:
            raise click.ClickException(str(trouble)) from trouble
        except NoResultFound as trouble:
            raise click.ClickException(f"There is no union with the code {union_code}.") from trouble
        click.echo(outcome)
        sys.exit(0 if outcome.refused == 0 else 1)


@main.command()
@click.option("--fresh", is_flag=True, help="Throw the demo's data away and start over.")
@click.option("--no-serve", is_flag=True, help="Only make the data.")
def demo(fresh: bool, no_serve: bool) -> None:
    """A portal worth looking at: Henan's tree, stations, staff, workers, ninety days of visits; then serve it."""
    from portal import demonstration

    demonstration.run(fresh=fresh, serve=not no_serve)


@main.group()
def audit() -> None:
    """The audit trail."""


@audit.command("verify")
def audit_verify() -> None:
    """Walk the sealed chain and the seals of closed days; names what is broken and ends with 1 if anything is."""
    from datetime import date

    from portal.audit import verify
    from portal.stations.seals.queries import list_broken_seals

    app = application()
    with app.app_context():
        verdict, days = verify(app.config["SETTINGS"].instance), list_broken_seals(date.min, date.max)
    click.echo(f"{verdict.sealed} entries sealed, {verdict.unsealed} waiting to be sealed.")
    click.echo(verdict.broken or "The chain is whole.")
    for station, day, part in days:
        click.echo(f"The seal of {day}, part {part}, station {station}, does not agree with the lines of that day.")
    click.echo("The seals of closed days do not all hold." if days else "The seals of closed days hold.")
    sys.exit(1 if verdict.broken or days else 0)


@main.group()
def staff() -> None:
    """Staff accounts."""


@staff.command("invite-administrator")
@click.argument("sign_in_name")
@click.argument("name")
@click.option("--union", "union_code", required=True, help="Code of the union the administrator is appointed at.")
def invite_administrator(sign_in_name: str, name: str, union_code: str) -> None:
    """Make the first administrator; prints the link under which they choose a password."""
    from portal.access import SYSTEM, Role
    from portal.db import transactional
    from portal.unions.staff import commands
    from portal.unions.tree import queries

    @transactional
    def invite() -> str:
        union = queries.get_union_by_code(union_code)
        account, token = commands.invite_account(sign_in_name=sign_in_name, name=name, by=SYSTEM, union=union)
        commands.appoint(account=account, union=union, role=Role.ADMINISTRATOR, by=SYSTEM)
        return token

    with application().app_context():
        click.echo(f"/staff/invitation/{invite()}")


def state_pictures() -> str:
    """The pages of docs/states.md: each state table of the code as a Mermaid picture and as a list."""
    from portal.members.joining.models import TRANSITIONS as APPLICATIONS
    from portal.stations.upkeep.models import TRANSITIONS as REPORTS
    from portal.welfare.bookings.models import NEXT_STATUSES as BOOKINGS
    from portal.welfare.ledger.models import NEXT_STATUSES as BUDGETS
    from portal.welfare.programmes.models import NEXT_STATUSES as PROGRAMMES

    parts = ["# States", "", "Drawn from the tables in the code by `portal states`; a test compares. Do not edit by hand.", ""]
    tables = (
        ("Application to join", APPLICATIONS), ("Report of what is wrong at a station", REPORTS),
        ("Budget of a union and year", BUDGETS), ("Programme", PROGRAMMES), ("Booking", BOOKINGS),
    )  # fmt: skip
    for title, table in tables:
        parts += [f"## {title}", "", "```mermaid", "stateDiagram-v2"]
        parts += [f"    {state.value} : {state.label}" for state in table]
        parts += [f"    {before.value} --> {after.value}" for before, afters in table.items() for after in sorted(afters)]
        parts += [f"    {state.value} --> [*]" for state, afters in table.items() if not afters]
        parts += ["```", ""]
    return "\n".join(parts)


@main.command()
def states() -> None:
    """Print docs/states.md: the state tables as pictures."""
    click.echo(state_pictures(), nl=False)


@main.command()
@click.option("--json", "as_json", is_flag=True)
def routes(as_json: bool) -> None:
    """Every address with its methods, and who may open it."""
    from portal import create_app

    app = create_app(Settings())
    rows = [
        {
            "address": rule.rule,
            "endpoint": rule.endpoint,
            "methods": sorted(rule.methods - {"HEAD", "OPTIONS"}),
            "access": str(getattr(app.view_functions[rule.endpoint], "access", "public")),
            "writes": getattr(app.view_functions[rule.endpoint], "writes", None),
        }
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        for row in rows:
            click.echo(f"{','.join(row['methods']):9} {row['address']:45} {row['access']}")


if __name__ == "__main__":
    main()
