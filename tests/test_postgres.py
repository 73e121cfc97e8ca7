"""The portal's own PostgreSQL, with real processes that are really killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, text

from portal import postgres
from portal.config import PACKAGE, Settings

USER = """
import sys
from portal import config, postgres
print(postgres.ensure(config.Settings()), flush=True)
sys.stdin.read()
"""
USER_WITH_CHILD = """
import subprocess, sys
from portal import config, postgres
postgres.ensure(config.Settings())
nothing = subprocess.DEVNULL
child = subprocess.Popen(["sleep", "60"], stdin=nothing, stdout=nothing, stderr=nothing, close_fds=False)
print(child.pid, flush=True)
sys.stdin.read()
"""


def settings_of(instance: Path, database_url: str | None = None) -> Settings:
    return Settings(instance=instance, DATABASE_URL=database_url)


def environment_of(instance: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return kept | {"PORTAL_INSTANCE": str(instance), "PORTAL_SECRET_KEY": "not for the database"}


class House:
    """One instance folder, and every process that this test started in it."""

    def __init__(self, instance: Path) -> None:
        self.instance = instance
        self.settings = settings_of(instance)
        self.url = postgres.url(self.settings)
        self.started: list[subprocess.Popen] = []

    def start(self, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=PACKAGE.parent,
            env=environment_of(self.instance),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def users(self, count: int = 1) -> list[subprocess.Popen]:
        """Start processes that call ensure() at the same moment and keep their lease."""
        users = [self.start("-c", USER) for _ in range(count)]
        assert [user.stdout.readline().strip() for user in users] == [self.url] * count
        return users

    def leave(self, user: subprocess.Popen) -> None:
        user.stdin.close()
        assert user.wait(20) == 0

    def stop(self) -> None:
        """Tell the supervisor to end; it takes its server along, which leaves nothing behind."""
        self.supervisor.terminate()
        until(lambda: not self.supervisors() and not self.postmasters(), 40)
        assert not (self.instance / "database" / "postmaster.pid").exists()

    def sql(self, statement: str, within: float = 0.0) -> list[tuple]:
        deadline = time.monotonic() + within
        while True:
            try:
                with psycopg.connect(self.libpq, autocommit=True, connect_timeout=3) as connection:
                    answer = connection.execute(statement)
                    return answer.fetchall() if answer.description else []
            except psycopg.OperationalError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)

    @property
    def libpq(self) -> str:
        return self.url.replace("+psycopg", "")

    @property
    def postmaster(self) -> psutil.Process:
        [process] = self.postmasters()
        return process

    @property
    def supervisor(self) -> psutil.Process:
        [process] = self.supervisors()
        return process

    def postmasters(self) -> list[psutil.Process]:
        mine = f"unix_socket_directories={postgres._Place(self.instance).socket_dir}"
        return without_forks(process for process, line in processes("postgres") if mine in line)

    def supervisors(self) -> list[psutil.Process]:
        found = []
        for process, line in processes("python"):
            with suppress(psutil.Error):
                mine = process.environ().get("PORTAL_INSTANCE") == str(self.instance)
                if mine and "--supervise" in line:
                    found.append(process)
        return without_forks(found)

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
            process.stdout.close()
        # the supervisor first, or it would start the server again; what is in the folder is lost anyway
        for process in (*self.supervisors(), *self.postmasters()):
            with suppress(psutil.Error):
                for member in (process, *process.children(recursive=True)):
                    with suppress(psutil.Error):
                        member.kill()
        listens = postgres._Place(self.instance).socket_dir
        if listens != self.instance / "database":
            shutil.rmtree(listens, ignore_errors=True)


def processes(name: str) -> Iterator[tuple[psutil.Process, list[str]]]:
    """Living processes with their command lines, read once: a second look may find a zombie, which has none."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = process.cmdline() if process.name().startswith(name) else []
            if line:
                yield process, line


def without_forks(found: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Leave out children: just forked, a backend still shows the command line of its postmaster."""
    parents = {}
    for process in found:
        with suppress(psutil.Error):
            parents[process] = process.ppid()
    pids = {process.pid for process in parents}
    return [process for process, parent in parents.items() if parent not in pids]


def until(what: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)  # looking through all processes is work


@contextmanager
def house_named(name: str = "instance") -> Iterator[House]:
    """An instance folder of its own, outside tmp_path: every pytest closes the folder above that to other users.

    Under root the server is another user, and dies at its next checkpoint when somebody else runs tests too.
    """
    with tempfile.TemporaryDirectory(prefix="portal-test-", ignore_cleanup_errors=True) as folder:
        house = House(Path(folder) / name)
        try:
            yield house
        finally:
            house.end()


@pytest.fixture
def house() -> Iterator[House]:
    with house_named() as house:
        yield house


@pytest.fixture(scope="module")
def running() -> Iterator[House]:
    """A server for the tests that do it no harm."""
    with house_named() as house:
        house.users()
        yield house


# -- addresses


@pytest.mark.parametrize(
    "given",
    ["postgres", "postgresql", "postgresql+psycopg"],
)
def test_every_way_to_write_a_postgresql_address_means_psycopg(given, tmp_path):
    settings = settings_of(tmp_path, f"{given}://u:p%40@db:5433/p?sslmode=require")
    assert postgres.url(settings) == "postgresql+psycopg://u:p%40@db:5433/p?sslmode=require"
    assert postgres.ensure(settings) == postgres.url(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["mysql://u:topsecret@db/p", "sqlite:///topsecret", "topsecret"])
def test_another_kind_of_database_is_refused_without_repeating_the_password(given, tmp_path):
    with pytest.raises(ValueError, match="PostgreSQL only") as refusal:
        postgres.url(settings_of(tmp_path, given))
    assert "topsecret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "postgresql+psycopg://u:p@db/one?sslmode=require",
            "postgresql+psycopg://u:p@db/a%20b?sslmode=require",
        ),
        ("postgresql+psycopg:///one?host=/run/x", "postgresql+psycopg:///a%20b?host=/run/x"),
        ("postgresql+psycopg://db", "postgresql+psycopg://db/a%20b"),
    ],
)
def test_another_database_of_the_same_server(before, after):
    assert postgres.with_database(before, "a b") == after


# -- a server that nobody harms


def test_the_first_start_gives_a_private_durable_database_that_knows_chinese(running):
    engine = create_engine(running.url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_database(), current_user")).one() == (
            "portal",
            "postgres",
        )
        asked = ("server_encoding", "listen_addresses", "fsync", "max_connections", "shared_buffers")
        assert [connection.execute(text(f"SHOW {name}")).scalar() for name in asked] == [
            "UTF8",
            "",
            "on",
            "100",
            "128MB",
        ]
        connection.execute(text("CREATE EXTENSION pg_trgm"))
        assert connection.execute(text("SELECT cardinality(show_trgm('工会会员'))")).scalar() == 5
    engine.dispose()
    assert (running.instance / "database").stat().st_mode & 0o777 == 0o700
    rules = running.sql("SELECT type, auth_method FROM pg_hba_file_rules")
    assert rules == [("local", "peer")]
    assert running.postmaster.net_connections(kind="inet") == []


def test_neither_supervisor_nor_server_sees_the_portals_secrets(running):
    for process in (running.supervisor, running.postmaster):
        assert "PORTAL_SECRET_KEY" not in process.environ()


def test_the_log_of_the_server_holds_no_values(running):
    with psycopg.connect(running.libpq, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE t (phone text UNIQUE)")
        for _ in range(2):
            with suppress(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO t VALUES ('13800138000')")
    log = (running.instance / "database.log").read_text()
    assert "duplicate key" in log
    assert "13800138000" not in log


def test_a_second_supervisor_gives_way_at_once(running):
    before = (running.supervisor.pid, running.postmaster.pid)
    second = running.start("-m", "portal.postgres", "--supervise")
    assert second.wait(20) == 0
    assert (running.supervisor.pid, running.postmaster.pid) == before


def test_databases_are_copied_and_dropped_whatever_their_name(running):
    name, copy = 'Odd "name"; --', "Kopie / 副本?"
    postgres.create_database(running.url, name)
    with psycopg.connect(postgres.with_database(running.libpq, name)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    postgres.create_database(running.url, copy, template=name)
    with pytest.raises(psycopg.errors.DuplicateDatabase):
        postgres.create_database(running.url, copy, template=name)
    with psycopg.connect(postgres.with_database(running.libpq, copy)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]
    in_use = psycopg.connect(postgres.with_database(running.libpq, name))
    for database in (name, copy, copy):
        postgres.drop_database(running.url, database)
    in_use.close()
    left = running.sql("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1")
    assert left == [("portal",), ("postgres",)]


# -- many processes, and their deaths


def test_processes_that_start_together_share_one_server(house):
    house.users(3)
    assert len(house.postmasters()) == 1
    until(lambda: len(house.supervisors()) == 1, 20)  # those that came second may still be on their way out
    assert house.sql("SELECT 1") == [(1,)]


def seconds_until_back(house: House) -> float:
    """Kill the server while it is busy in a way that does not notice the death of its postmaster."""
    killed = house.postmaster
    busy = psycopg.connect(house.libpq, autocommit=True)  # its memory would keep a new server out
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000) WHERE random() > 2")
    backend = psutil.Process(busy.info.backend_pid)
    until(lambda: backend.cpu_times().user > 0.1, 20)
    try:
        at = time.monotonic()
        killed.kill()
        until(lambda: killed not in house.postmasters(), 20)
        assert house.sql("SELECT number FROM kept", within=30) == [(7,)]
        return time.monotonic() - at
    finally:
        with suppress(psutil.NoSuchProcess):
            backend.kill()
        busy.close()
        assert house.postmaster != killed


def test_a_killed_server_is_back_within_ten_seconds(house):
    house.users()
    house.sql("CREATE TABLE kept AS SELECT 7 AS number")
    # On a machine with more to do than it can a moment may be longer: it has another try.
    assert seconds_until_back(house) < 10 or seconds_until_back(house) < 10


def test_a_killed_supervisor_is_followed_by_one_that_takes_over_the_server(house):
    house.users()
    house.sql("CREATE TABLE kept AS SELECT 7 AS number")
    supervisor, postmaster = house.supervisor, house.postmaster
    supervisor.kill()
    until(lambda: not house.supervisors(), 20)
    house.users()
    assert house.supervisor != supervisor
    assert house.postmaster == postmaster
    assert house.sql("SELECT number FROM kept") == [(7,)]
    postmaster.kill()  # the new one looks after the server it did not start
    until(lambda: postmaster not in house.postmasters(), 20)
    assert house.sql("SELECT number FROM kept", within=30) == [(7,)]


def test_what_was_committed_is_there_after_both_were_killed(house):
    [first] = house.users()
    with psycopg.connect(house.libpq, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        for number in range(100):
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
        for process in (house.supervisor, house.postmaster):
            process.kill()
        first.kill()
    house.users()
    assert house.sql("SELECT count(*), sum(number) FROM kept") == [(100, 4950)]


def test_a_pid_that_was_given_to_another_process_does_not_stop_the_start(house):
    [user] = house.users()
    house.sql("CREATE TABLE kept AS SELECT 7 AS number")
    data = house.instance / "database"
    # of the server's own user, since PostgreSQL believes only such a process to be its predecessor
    owner = data.stat()
    other = {"user": owner.st_uid} if os.geteuid() != owner.st_uid else {}
    with subprocess.Popen(["sleep", "60"], **other) as stranger:
        try:
            named = f"{stranger.pid}\n{data}\n1700000000\n5432\n{data}\n\n  1  1\nready\n"
            for content in (named, ""):  # empty, as a full disk leaves it
                house.stop()
                house.leave(user)
                for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
                    (data / name).write_text(content)
                    os.chown(data / name, owner.st_uid, owner.st_gid)
                [user] = house.users()
                assert house.sql("SELECT number FROM kept") == [(7,)]
            assert stranger.poll() is None
        finally:
            stranger.kill()


# -- the end


def test_the_server_ends_with_the_last_lease_not_before_and_lets_nobody_in_meanwhile(house):
    first = house.start("-c", USER_WITH_CHILD)
    child = psutil.Process(int(first.stdout.readline()))
    try:
        [second] = house.users()
        supervisor, postmaster = house.supervisor, house.postmaster
        house.leave(first)
        time.sleep(postgres.IDLE_AFTER + 2 * postgres.LOOK_EVERY)
        assert house.postmaster == postmaster
        house.leave(second)
        log = house.instance / "database.log"
        until(lambda: "nobody uses" in log.read_text(), postgres.IDLE_AFTER + 20)
        assert child.is_running()  # and yet its parent's lease was not passed on to it
    finally:
        child.kill()
    house.users()  # who comes while the server stops gets another one
    assert "database system is shut down" in log.read_text()
    assert house.postmaster != postmaster
    assert house.supervisor != supervisor
    assert house.sql("SELECT 1") == [(1,)]


def test_a_removed_instance_folder_takes_its_server_with_it(house):
    house.users()
    moved = house.instance.rename(house.instance.with_name("moved"))
    until(lambda: not house.supervisors() and not house.postmasters(), 40)
    assert not (moved / "database" / "postmaster.pid").exists()


# -- where it cannot work


def test_a_path_too_long_and_odd_for_a_socket_gets_a_private_short_one():
    with house_named("a $HOME, 'long' instance " * 5) as house:
        house.users()
        assert house.sql("SELECT current_database()") == [("portal",)]
        listens = postgres._Place(house.instance).socket_dir
        assert len(str(listens)) < 60
        assert listens.stat().st_mode & 0o777 == 0o700
        house.stop()
        assert not listens.exists()


def test_a_socket_folder_others_may_enter_is_refused():
    with house_named("long" * 30) as house:
        listens = postgres._Place(house.instance).socket_dir
        listens.mkdir()
        listens.chmod(0o777)
        with pytest.raises(postgres.DatabaseUnavailable, match="not private"):
            postgres.ensure(house.settings, wait=5)


@pytest.mark.skipif(os.geteuid() != 0, reason="only under root does the server run as another user")
def test_a_folder_closed_above_a_running_server_is_opened_again(house):
    house.users()
    house.instance.parent.chmod(0o700)
    until(lambda: house.instance.parent.stat().st_mode & 0o777 == 0o701, 20)  # walk through, not list
    before = house.postmaster
    house.sql("CHECKPOINT")
    assert house.postmaster == before


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("notes.txt", "mine", "is not a database"), ("PG_VERSION", "9", "was made by PostgreSQL 9")],
)
def test_what_cannot_be_used_is_left_alone_and_said_quickly(house, name, content, reason):
    file = house.instance / "database" / name
    file.parent.mkdir(parents=True)
    file.write_text(content)
    at = time.monotonic()
    with pytest.raises(postgres.DatabaseUnavailable, match=reason) as refusal:
        postgres.ensure(house.settings)
    assert time.monotonic() - at < 20
    assert str(house.instance / "database.log") in str(refusal.value)
    assert file.read_text() == content


def test_a_server_that_cannot_start_is_given_up_with_its_own_words(house):
    [first] = house.users()
    house.stop()
    house.leave(first)
    (house.instance / "database" / "postgresql.conf").write_text("nonsense here\n")
    at = time.monotonic()
    with pytest.raises(postgres.DatabaseUnavailable, match=r"(?s)cannot be started.*parameter \"nonsense\""):
        postgres.ensure(house.settings)
    assert time.monotonic() - at < 50


def test_who_cannot_be_answered_in_time_is_told_why(house):
    house.users()
    house.supervisor.send_signal(signal.SIGSTOP)
    house.postmaster.kill()
    at = time.monotonic()
    try:
        with pytest.raises(postgres.DatabaseUnavailable, match="does not answer in time"):
            postgres.ensure(house.settings, wait=0.5)
        assert time.monotonic() - at < 20
    finally:
        house.supervisor.send_signal(signal.SIGCONT)
    assert postgres.ensure(house.settings) == house.url
