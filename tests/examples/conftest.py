"""What pytest has to know before it imports the tests of this folder."""

import pytest

pytest.register_assert_rewrite("tests.own_clone")
