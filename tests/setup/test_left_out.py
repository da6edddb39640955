"""`app.setup.left_out`: whether a package is there is found out without importing it."""

import sys

import pytest

from app.settings import SettingsError
from app.setup.left_out import check_is_there, is_left_out


def test_what_is_there_is_not_left_out_and_not_imported() -> None:
    sys.modules.pop("this", None)

    check_is_there("this", "A test needs a module")

    assert not is_left_out("this")
    assert "this" not in sys.modules


def test_what_is_not_there_is_left_out() -> None:
    assert is_left_out("no_such_package")
    with pytest.raises(SettingsError, match=r"^X needs a package, which is not here: .*--lean"):
        check_is_there("no_such_package", "X needs a package")
