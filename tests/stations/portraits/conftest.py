"""A keeper of the county, signed in, with pages in English."""

from __future__ import annotations

import pytest

from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def english(client):
    client.set_cookie("language", "en")
    return client


@pytest.fixture
def keeper(tree, english):
    account = make_account([("keeper", tree.county)])
    sign_in_quickly(english, account)
    return account
