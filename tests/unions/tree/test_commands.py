"""Commands on the tree where HTTP does not reach: two at once, and what becomes of a race."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.access import SYSTEM
from portal.types import Refused
from portal.unions.tree import commands, queries
from portal.unions.tree.models import Union, UnionKind, UnionLevel
from tests.factories.unions import small_tree


@pytest.fixture
def tree(app):
    return small_tree()


def details(parent, **changes):
    values = {"name": "商圈工会", "kind": UnionKind.JOINT_UNION, "level": UnionLevel.TOWN, "parent": parent}
    return commands.Details(**(values | changes))


def test_added_at_once_each_gets_its_own_code(app, db, tree):
    def add(_: int) -> str:
        with app.app_context():
            parent = queries.get_union_by_code("410105")
            code = commands.add_union(details=details(parent), by=SYSTEM).code
            db.session.commit()
            return code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(add, range(4))) == [f"410105-0{number}" for number in range(1, 5)]


def test_adding_beneath_while_it_closes(app, db, tree):
    """One closes, one adds beneath: whoever comes second is told, and no open union hangs beneath a closed one."""
    barrier, answers = threading.Barrier(2, timeout=30), []

    def run(command) -> None:
        with app.app_context():
            union = queries.get_union_by_code("410102")
            barrier.wait()
            try:
                command(union)
                db.session.commit()
                answers.append("done")
            except Refused:
                db.session.rollback()
                answers.append("refused")

    close = lambda union: commands.close_union(union=union, by=SYSTEM)  # noqa: E731
    add = lambda union: commands.add_union(details=details(union), by=SYSTEM)  # noqa: E731
    for _ in range(3):
        answers.clear()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, (close, add)))
        assert sorted(answers) == ["done", "refused"]
        db.session.rollback()
        sibling = queries.get_union_by_code("410102")
        db.session.refresh(sibling)
        sibling.closed_at = None
        db.session.query(Union).filter(Union.code.like("410102-%")).delete()
        db.session.commit()


def test_what_a_union_holds_keeps_it_open(db, tree, monkeypatch):
    from portal.types import text

    held = [
        lambda union: queries.Standing(text("Stations"), 3),
        lambda union: queries.Standing(text("Looks"), 9, holds=False),
    ]
    monkeypatch.setattr(queries, "standing", held)
    with pytest.raises(Refused) as refused:
        commands.close_union(union=tree.sibling_county, by=SYSTEM)
    assert [problem.code for problem in refused.value.problems] == ["standing"]
    db.session.rollback()
    monkeypatch.setattr(queries, "standing", held[1:])
    assert commands.close_union(union=tree.sibling_county, by=SYSTEM).closed_at


def test_the_top_stays_open(tree):
    with pytest.raises(Refused) as refused:
        commands.close_union(union=tree.province, by=SYSTEM)
    assert {problem.code for problem in refused.value.problems} == {"root", "open_children"}
