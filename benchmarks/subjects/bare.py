"""The floor: Flask, a pool of psycopg connections, one INSERT with its COMMIT. No session, no checks, no page."""

from __future__ import annotations

import os
import queue
import uuid

import psycopg
from flask import Flask, request

TABLE = "CREATE TABLE IF NOT EXISTS bare_visits (id uuid PRIMARY KEY, station text, worker uuid, service text, at timestamptz)"
INSERT = "INSERT INTO bare_visits (id, station, worker, service, at) VALUES (%s, %s, %s, %s, now())"


def app() -> Flask:
    """What each granian worker loads."""
    address = os.environ["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://", 1)
    pool: queue.LifoQueue[psycopg.Connection] = queue.LifoQueue()
    for _ in range(int(os.environ["PORTAL_THREADS"])):
        pool.put(psycopg.connect(address))
    bare = Flask(__name__)

    @bare.post("/desk/<string:code>/visits")
    def log(code: str) -> str:
        connection = pool.get()
        try:
            with connection.transaction():
                connection.execute(INSERT, (uuid.uuid4(), code, request.form["worker"], request.form["service"]))
        finally:
            pool.put(connection)
        return "logged"

    return bare
