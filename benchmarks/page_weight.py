"""How much comes over the wire for a first page? The page, its styles, scripts and images, each gzipped as a browser asks.

python -m benchmarks.page_weight
"""

from __future__ import annotations

import http.client
import re
import zlib
from dataclasses import dataclass

from benchmarks.house import open_house
from benchmarks.servers import Server, serving

BROWSER = {
    "Accept": "text/html,application/xhtml+xml", "Accept-Encoding": "gzip, deflate, br, zstd", "Accept-Language": "zh-CN",
    "User-Agent": "Mozilla/5.0 (Linux; Android 14) Mobile",
}  # fmt: skip
# What a browser fetches before it can show the page: styles, scripts, icons, pictures.
REFERENCES = re.compile(r"""<(?:link[^>]*\brel="?(stylesheet|icon|manifest)[^>]*\bhref|(script|img)[^>]*\bsrc)="([^"]+)\"""")


@dataclass(frozen=True)
class Fetched:
    """One answer: bytes of its body as sent and unpacked, and of its head."""

    address: str
    status: int
    body: int
    unpacked: int
    head: int
    text: str


def fetch(server: Server, address: str, cookies: str = "") -> Fetched:
    """Ask as a browser does."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", address, headers=BROWSER | ({"Cookie": cookies} if cookies else {}))
    answer = connection.getresponse()
    body = answer.read()
    packed = answer.getheader("Content-Encoding") == "gzip"
    plain = zlib.decompress(body, 31) if packed else body
    head = len("HTTP/1.1 200 OK\r\n\r\n") + sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
    is_text = (answer.getheader("Content-Type") or "").startswith("text/html")
    connection.close()
    return Fetched(address, answer.status, len(body), len(plain), head, plain.decode() if is_text else "")


def weigh(server: Server, address: str, cookies: str = "") -> list[Fetched]:
    """A page and all it refers to, each once."""
    page = fetch(server, address, cookies)
    if page.status != 200:
        raise SystemExit(f"{address} answers {page.status}")
    found = [match.group(3).replace("&amp;", "&") for match in REFERENCES.finditer(page.text)]
    local = [one for one in dict.fromkeys(found) if not one.startswith("data:")]
    return [page, *(fetch(server, one, cookies) for one in local)]


def main() -> None:
    with open_house(visits=200) as house, serving("portal", house.environment, workers=1, threads=2) as server:
        cookies = f"session={house.session_cookie}; page={house.page_cookie}"
        station = house.stations[0]
        pages = [
            ("first page", "/", ""),
            ("stations", "/stations", ""),
            ("a station", f"/stations/{station}", ""),
            ("desk, operator", f"/desk/{station}", cookies),
        ]
        print(f"{'':16}{'requests':>9}{'body KB':>9}{'head KB':>9}{'unpacked KB':>13}")
        for label, address, sent in pages:
            parts = weigh(server, address, sent)
            print(f"{label:16}{len(parts):9}" + "".join(
                f"{sum(getattr(part, of) for part in parts) / 1000:{width}.1f}"
                for of, width in (("body", 9), ("head", 9), ("unpacked", 13))
            ))  # fmt: skip
            for part in parts:
                print(f"    {part.body / 1000:6.1f} KB  {part.address.partition('?')[0]}")


if __name__ == "__main__":
    main()
