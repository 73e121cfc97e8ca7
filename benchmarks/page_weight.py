"""How heavy are the first pages? Bytes over the wire of a page and what it loads, gzip as a browser asks for it.

python -m benchmarks.page_weight
"""

from __future__ import annotations

import re

from benchmarks.house import open_house
from portal import create_app
from portal.config import Settings

LIMIT = 40 * 1024
ASSETS = re.compile(r'(?:href|src)="(/static/[^"]+)"')


def bytes_of(client, address: str) -> tuple[int, list[str]]:
    """What one answer weighs as sent, and the static files it asks for. An answer that is no 200 ends the run."""
    answer = client.get(address, headers={"Accept-Encoding": "gzip"})
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}")
    head = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    if answer.mimetype != "text/html":
        return head + len(answer.data), []
    plain = client.get(address).get_data(as_text=True)
    return head + len(answer.data), list(dict.fromkeys(ASSETS.findall(plain)))


def main() -> None:
    """Print a line a page: HTML, files, requests, sum, and what is left of 40 KB."""
    with open_house(stations=60, workers=10) as house:
        app = create_app(Settings(instance=house.instance, database_url=house.url), database_url=house.url)
        client = app.test_client()
        client.set_cookie("session", house.session_cookie)
        print(f"{'page':28} {'html':>8} {'files':>8} {'requests':>9} {'sum':>8} {'of 40 KB':>9}")
        for label, address in (("/", "/"), ("/stations", "/stations"), ("/desk/<station>", f"/desk/{house.stations[0]}")):
            html, files = bytes_of(client, address)
            carried = sum(bytes_of(client, file)[0] for file in files)
            total = html + carried
            print(f"{label:28} {html:8,} {carried:8,} {1 + len(files):9} {total:8,} {total / LIMIT:9.0%}")
        app.extensions["portal.autocommit"].dispose()


if __name__ == "__main__":
    main()
