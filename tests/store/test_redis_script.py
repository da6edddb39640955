"""`app.store.redis_script`: scripts by the names that Redis gives them."""

from hashlib import sha1

from app.store.redis_script import function, script, scripts_in


def test_a_script_has_the_name_that_redis_gives_it() -> None:
    found = script("\nreturn 1\n")

    assert found.text == b"return 1"
    assert found.sha == sha1(b"return 1").hexdigest().encode()


def test_a_modules_scripts_are_found_by_that_name() -> None:
    one, other = script("return 1"), script("return 2")

    names = {"ONE": one, "OTHER": other, "LATE": 3}

    assert scripts_in(names) == {one.sha: one, other.sha: other}


def test_a_script_is_a_part_of_another_one() -> None:
    assert function("one", script("\nreturn KEYS[1]\n")) == (
        "local function one(KEYS, ARGV)\nreturn KEYS[1]\nend\n"
    )
