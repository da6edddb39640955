"""`infra.lean_packages`: what a lean image and a lean zip file leave out."""

import contextlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.lean_packages import APP_FOLDERS, PACKAGES, variant_for, without

_ROOT = Path(__file__).parent.parent
_LOCK = (_ROOT / "requirements.lock").read_text()


def _names(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))


def _requirements(requirement: Requirement) -> Iterator[Requirement]:
    """Yield what a package needs in any environment, with the extras that were asked for."""
    with contextlib.suppress(PackageNotFoundError):  # one for other systems
        for text in requires(requirement.name) or ():
            needed = Requirement(text)
            extra = re.search(r'extra == "([^"]+)"', str(needed.marker or ""))
            if extra is None or extra[1] in requirement.extras:
                yield needed


def _needed(wanted: Iterable[Requirement]) -> set[str]:
    """Return the names of these packages and of all that they need."""
    needed: set[str] = set()
    left = list(wanted)
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        if name not in needed or requirement.extras:
            needed.add(name)
            left += _requirements(requirement)
    return needed


def test_exactly_what_only_openai_and_uvloop_need_is_left_out() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]

    kept = _needed(needed for needed in wanted if needed.name not in ("openai", "uvloop"))

    assert _needed(wanted) >= _names(_LOCK)
    assert _names(_LOCK) - kept == PACKAGES


def test_the_lean_lock_is_the_lock_without_them() -> None:
    lean = (_ROOT / "requirements-lean.lock").read_text()

    assert lean == without(_LOCK, PACKAGES)
    assert _names(lean) == _names(_LOCK) - PACKAGES
    # What is left is hashed as before.
    assert lean.count("--hash=sha256:") > 500
    assert set(lean.splitlines()) < set(_LOCK.splitlines())


def test_the_parts_of_the_app_that_are_left_out_are_there_to_be_left_out() -> None:
    assert all((_ROOT / folder / "__init__.py").is_file() for folder in APP_FOLDERS)


@pytest.mark.parametrize(
    ("environment", "variant"),
    [
        ([], "lean"),
        (["CHAT_CLIENT=aiohttp", "CHAT_API=responses"], "lean"),
        (["CHAT_CLIENT=openai"], "production"),
        (["CHAT_APP=my_app:create"], "production"),
        (["AZURE_OPENAI_ENDPOINT=https://a.example", "OPENAI_API_VERSION=1"], "production"),
        (["CHAT_CLIENT=openai", "CHAT_PROVIDER=scripted"], "full"),
    ],
)
def test_a_stack_gets_the_smallest_variant_that_can_do_what_it_asks_for(
    environment: list[str], variant: str
) -> None:
    assert variant_for(environment) == variant
