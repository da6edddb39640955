"""`app.seldom_warning`."""

import logging

from app.seldom_warning import SeldomWarning
from tests.chatting import logged


def test_a_warning_comes_once_a_minute() -> None:
    warn = SeldomWarning(logging.getLogger("deltaline"), "%d")
    with logged() as log:
        for now in (100.0, 130.0, 160.0):
            warn(now, 5)

    assert [record.getMessage() for record in log.records] == ["5", "5"]
