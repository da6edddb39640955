"""`infra.sbom`: what of the lock is on the image's platform; check_sbom.py sees the whole file."""

import pytest

from infra.sbom import for_platform

_HASHES = "\\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"


@pytest.mark.parametrize(
    ("marker", "is_installed"),
    [
        ("", True),
        ("; python_full_version < '3.11.3' ", False),
        ("; python_version >= '3.12' ", True),
        ("; sys_platform == 'emscripten' ", False),
        ("; platform_machine == 'aarch64' ", False),
        ("; platform_python_implementation == 'CPython' and sys_platform != 'win32' ", True),
    ],
)
def test_a_package_is_there_if_its_marker_holds_in_the_image(
    marker: str, is_installed: bool
) -> None:
    lock = f"one==1.0 {marker}{_HASHES}two==2.0 {_HASHES}"

    one = ["one==1.0 --hash=sha256:aa --hash=sha256:bb\n"] if is_installed else []
    two = ["two==2.0 --hash=sha256:aa --hash=sha256:bb\n"]
    assert list(for_platform(lock, "x86_64")) == one + two


def test_the_other_machine_has_packages_of_its_own() -> None:
    lock = f"one==1.0 ; platform_machine == 'aarch64' {_HASHES}"

    assert len(list(for_platform(lock, "aarch64"))) == 1
