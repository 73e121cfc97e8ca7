"""How quick is the desk's tap? The portal's log-a-visit between a bare INSERT and a textbook version of the same work.

    python -m benchmarks.log_visit [--rounds 3] [--seconds 4] [--workers 2] [--threads 4] [--connections 8]

Three servers stand side by side on one PostgreSQL and are driven in turn, bare, portal, textbook, bare, …, so that what
drifts on the machine drifts for all. Ratios are taken round by round; their median is told.
"""

from __future__ import annotations

import argparse
import itertools
import secrets
import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import Process, SimpleQueue
from uuid import UUID

import psycopg
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from benchmarks.client import Outcome, drive, post
from benchmarks.house import House, open_house
from benchmarks.servers import Server, cpu_seconds, postmaster, serving
from benchmarks.subjects import bare
from portal.stations.visits.rules import names_the_person
from portal.vocabulary import BasicService

NAMES = ("bare", "portal", "textbook")
SERVICES = [service.value for service in BasicService if names_the_person(service)]
_counter = itertools.count()


@dataclass
class Round:
    """What one round of one server came to."""

    outcomes: list[Outcome]
    server_cpu: float
    database_cpu: float

    @property
    def requests(self) -> int:
        return sum(len(outcome.latencies) for outcome in self.outcomes)

    @property
    def per_second(self) -> float:
        return self.requests / max(outcome.seconds for outcome in self.outcomes)

    @property
    def server_ms(self) -> float:
        """Processor time of the server alone, a request."""
        return self.server_cpu / self.requests * 1000

    @property
    def database_ms(self) -> float:
        """Processor time of PostgreSQL, a request."""
        return self.database_cpu / self.requests * 1000

    @property
    def cpu_ms(self) -> float:
        """Processor time of server and database, a request."""
        return self.server_ms + self.database_ms

    @property
    def client_ms(self) -> float:
        """Processor time of the load generator, a request: if it is not small, the ratios are too mild."""
        return sum(outcome.cpu_seconds for outcome in self.outcomes) / self.requests * 1000


@dataclass
class Subject:
    """One of the three: its server, its cookies, and its rounds."""

    server: Server
    cookies: str
    csrf_token: str
    rounds: list[Round] = field(default_factory=list)

    def median(self, of: str) -> float:
        return statistics.median(getattr(one, of) for one in self.rounds)

    def latency_ms(self, percentile: int) -> float:
        latencies = [each for one in self.rounds for outcome in one.outcomes for each in outcome.latencies]
        return statistics.quantiles(latencies, n=100)[percentile - 1] * 1000


def taps(house: House, subject: Subject, number: int, client: int, clients: int):
    """A function that draws the next tap: another worker each time, a fresh key, a station where they were not yet.

    The rounds and clients walk through worker × station × service without ever meeting, so that no tap is a double one.
    """
    stations, workers = house.stations, house.workers
    run = f"{subject.server.name[0]}{number}{client}{secrets.token_hex(4)}"
    mine = [worker for position, worker in enumerate(workers) if position % clients == client]
    offset = NAMES.index(subject.server.name) * 7 + number * 2
    csrf = f"csrf_token={subject.csrf_token}"

    def draw() -> bytes:
        count = draw.count = draw.count + 1
        lap, place = divmod(count, len(mine))
        station = stations[(place + lap + offset) % len(stations)]
        service = SERVICES[(lap // len(stations) + offset) % len(SERVICES)]
        worker: UUID = mine[place]
        fields = f"{csrf}&key={run}{count:09}&worker={worker}&service={service}"
        return post(f"/desk/{station}/visits", fields, cookies=subject.cookies, headers="HX-Request: true\r\n")

    draw.count = -1
    return draw


def _drive(queue: SimpleQueue, port: int, draw, seconds: float, connections: int) -> None:
    fine = lambda answer: answer.startswith(b"HTTP/1.1 200")  # noqa: E731
    queue.put(drive(port, draw, fine, seconds=seconds, connections=connections))


def measure(house: House, subject: Subject, number: int, *, seconds: float, connections: int, clients: int) -> Round:
    """One round of one server."""
    database, queue = postmaster(house.instance), SimpleQueue()
    before = subject.server.cpu_seconds(), cpu_seconds(database)
    processes = [
        Process(target=_drive, args=(queue, subject.server.port, taps(house, subject, number, client, clients),
                                     seconds, max(1, connections // clients)))
        for client in range(clients)
    ]  # fmt: skip
    for process in processes:
        process.start()
    outcomes = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    after = subject.server.cpu_seconds(), cpu_seconds(database)
    for outcome in outcomes:
        if outcome.wrong:
            sys.exit(f"{subject.server.name}: {len(outcome.wrong)} wrong answers, the first: {outcome.wrong[0]!r}")
    return Round(outcomes, after[0] - before[0], after[1] - before[1])


def written(house: House) -> dict[str, int]:
    """How many rows there are: what was acknowledged must be there."""
    with psycopg.connect(house.url.replace("+psycopg", "")) as connection:
        count = lambda sql: connection.execute(sql).fetchone()[0]  # noqa: E731
        return {
            "bare": count("SELECT count(*) FROM bare_visits"),
            "lines": count("SELECT count(*) FROM visit_lines"),
            "keys": count("SELECT count(*) FROM idempotency_keys"),
            "rolled up": count("SELECT sum(lines) FROM union_days"),
        }


def prepare(house: House, stack: ExitStack, workers: int, threads: int) -> list[Subject]:
    """Start the three servers."""
    with psycopg.connect(house.url.replace("+psycopg", "")) as connection:
        connection.execute(bare.TABLE)
    secret = (house.instance / "secret-key").read_text()
    environment = house.environment | {"PORTAL_SECRET_KEY": secret}
    size = {"workers": workers, "threads": threads}
    signer = Flask("signer")
    signer.secret_key = secret
    page = SecureCookieSessionInterface().get_signing_serializer(signer)
    known = page.loads(house.page_cookie)
    textbook_cookie = page.dumps(known | {"_user_id": str(house.account_id), "_fresh": True})
    return [
        Subject(stack.enter_context(serving("bare", environment, app="benchmarks.subjects.bare:app", **size)), "", ""),
        Subject(stack.enter_context(serving("portal", environment, **size)),
                f"session={house.session_cookie}; page={house.page_cookie}", house.csrf_token),
        Subject(stack.enter_context(serving("textbook", environment, app="benchmarks.subjects.textbook:app", **size)),
                f"session={textbook_cookie}", house.csrf_token),
    ]  # fmt: skip


def report(subjects: list[Subject]) -> str:
    """The table."""
    heads = ("", "req/s", "p50 ms", "p99 ms", "server CPU ms", "database CPU ms", "client CPU ms")
    lines = ["{:10}{:>9}{:>9}{:>9}{:>15}{:>17}{:>15}".format(*heads)]
    for one in subjects:
        lines.append(
            f"{one.server.name:10}{one.median('per_second'):9.0f}{one.latency_ms(50):9.2f}{one.latency_ms(99):9.2f}"
            f"{one.median('server_ms'):15.3f}{one.median('database_ms'):17.3f}{one.median('client_ms'):15.3f}"
        )

    def ratio(over: Subject, under: Subject, of: str) -> float:
        return statistics.median(getattr(a, of) / getattr(b, of) for a, b in zip(over.rounds, under.rounds, strict=True))

    floor, portal, textbook = subjects
    lines += ["", f"{'ratio':22}{'time a request':>16}{'CPU a request':>16}{'server CPU':>12}{'database CPU':>14}"]
    for label, slow, quick in (("portal / bare", portal, floor), ("textbook / portal", textbook, portal),
                               ("textbook / bare", textbook, floor)):  # fmt: skip
        lines.append(
            f"{label:22}{ratio(quick, slow, 'per_second'):16.2f}{ratio(slow, quick, 'cpu_ms'):16.2f}"
            f"{ratio(slow, quick, 'server_ms'):12.2f}{ratio(slow, quick, 'database_ms'):14.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--workers", type=int, default=2, help="granian processes")
    parser.add_argument("--threads", type=int, default=4, help="threads of each")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--clients", type=int, default=1, help="processes of the load generator")
    told = parser.parse_args()
    load = {"connections": told.connections, "clients": told.clients}
    with open_house() as house, ExitStack() as stack:
        subjects = prepare(house, stack, told.workers, told.threads)
        for subject in subjects:
            measure(house, subject, 0, seconds=1, **load)  # warm: statements prepared, templates compiled
        counts = written(house)
        for number in range(1, told.rounds + 1):
            for subject in subjects:
                subject.rounds.append(measure(house, subject, number, seconds=told.seconds, **load))
        after = written(house)
        print(report(subjects))
        grown = {name: after[name] - counts[name] for name in after}
        sent = {one.server.name: sum(each.requests for each in one.rounds) for one in subjects}
        print(f"\nAcknowledged: {sent}. Rows added: {grown}.")
        if grown["bare"] != sent["bare"] or not grown["lines"] == grown["keys"] == sent["portal"] + sent["textbook"]:
            sys.exit("What was acknowledged is not what was written.")


if __name__ == "__main__":
    main()
