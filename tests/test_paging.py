"""Keyset paging: every row once, both ways, whatever the cursor holds."""

from __future__ import annotations

import base64
import json

import pytest

from portal import paging
from portal.unions.tree.models import Union, UnionReach
from tests.factories.unions import make_union


@pytest.fixture
def unions(db):
    made = [make_union(f"C{number:03d}", f"工会{number % 3}", commit=False) for number in range(23)]
    db.session.commit()
    return made


def pages(query, columns, key, **options):
    """Walk forward to the end, then back to the beginning."""
    forward, after = [], None
    while True:
        page = paging.keyset(query, columns, key, after=after, limit=5, **options)
        forward.append([row.code for row in page])
        if not page.after:
            break
        after = page.after
    backward = [forward[-1]]
    while page.before:
        page = paging.keyset(query, columns, key, before=page.before, limit=5, **options)
        backward.append([row.code for row in page])
    return forward, backward[::-1]


@pytest.mark.parametrize("descending", [False, True])
def test_every_row_once_both_ways(unions, descending):
    forward, backward = pages(
        paging.sa.select(Union),
        (Union.name, Union.code),
        lambda row: (row.name, row.code),
        descending=descending,
    )
    flat = [code for page in forward for code in page]
    wanted = [row.code for row in sorted(unions, key=lambda row: (row.name, row.code), reverse=descending)]
    assert flat == wanted
    assert [code for page in backward for code in page] == wanted


def test_dates_numbers_and_ids_go_into_a_cursor(unions):
    for column, key in (
        (Union.created_at, lambda row: (row.created_at, row.id)),
        (Union.id, lambda row: (row.id,)),
    ):
        columns = (column, Union.id) if column is Union.created_at else (column,)
        forward, _ = pages(paging.sa.select(Union), columns, key)
        assert sum(map(len, forward)) == len({code for page in forward for code in page}) == 23
    found = paging.keyset(paging.sa.select(UnionReach), (UnionReach.depth, UnionReach.union_id),
                          lambda row: (row.depth, row.union_id), limit=5)  # fmt: skip
    assert found.after and paging.open_cursor(found.after, (UnionReach.depth, UnionReach.union_id))[0] == 0


def test_an_edge_that_was_deleted_is_no_obstacle(unions, db):
    page = paging.keyset(paging.sa.select(Union), (Union.code,), lambda row: (row.code,), limit=5)
    db.session.delete(page.rows[-1])
    db.session.commit()
    following = paging.keyset(paging.sa.select(Union), (Union.code,), lambda row: (row.code,), after=page.after, limit=5)
    assert next(row.code for row in following) == "C005"


def sealed(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    ["", "x", "%", "W10", "é", "A" * 2000, sealed([]), sealed({}), sealed(None), sealed(["a", "b"]), sealed([1]),
     sealed([None]), sealed([["a"]]), sealed(["a\0b"]), sealed(["\ud800"]), "[" * 900],
)  # fmt: skip
def test_a_cursor_that_does_not_open_leads_to_the_first_page(unions, text):
    page = paging.keyset(paging.sa.select(Union), (Union.code,), lambda row: (row.code,), after=text, before=text, limit=5)
    assert [row.code for row in page] == ["C000", "C001", "C002", "C003", "C004"] and page.before is None


@pytest.mark.parametrize("value", [2**63, -(2**70), 1.5, True, "1", None])
def test_numbers_that_no_column_holds(unions, value):
    assert paging.open_cursor(sealed([value]), (UnionReach.depth,)) is None
