"""The walk's other half: welfare's routes, in a file of their own so that a second worker of the tests may walk them."""

from __future__ import annotations

import pytest

from portal.access import Role
from tests.test_access_walk import check_role, house  # noqa: F401


@pytest.mark.parametrize("role", Role)
def test_no_route_of_welfare_leaks(house, role):  # noqa: F811
    check_role(house, role, welfare=True)
