"""A running scripted model for each test that asks for one."""

from collections.abc import AsyncIterator

import pytest

from tests.scripted_model.client import Side, scripted_side


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    async with scripted_side() as running:
        yield running
