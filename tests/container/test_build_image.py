"""`infra.build_image`: which builders will do, and what an image says of where it comes from."""

import json
import subprocess
from pathlib import Path

import pytest

from infra.build_image import BuilderMissing, check_builder, labels_of, main

# What `docker version` says, and whether there is buildx.
_DEBIAN_12 = ("20.10.24+dfsg1 20.10.24+dfsg1", False)
_DEBIAN_13 = ("26.1.5+dfsg1 26.1.5+dfsg1", False)
_WITH_BUILDX = ("26.1.5+dfsg1 26.1.5+dfsg1", True)
_NO_DAEMON = ("26.1.5+dfsg1 \nCannot connect to the Docker daemon at unix:///var/run", True)


def _docker(folder: Path, version: str, has_buildx: bool) -> str:
    """Make a program that says what such a docker says, and notes what it is to build."""
    program = folder / "docker"
    program.write_text(
        f"""#!/bin/sh
case "$1" in
    --version) echo "Docker version 26.1.5+dfsg1, build a72d7cd" ;;
    version) echo '{version}' ;;
    buildx) {"exit 0" if has_buildx else "exit 1"} ;;
    build) printf '%s\\n' "$DOCKER_BUILDKIT" "$@" >{folder}/built; exit 7 ;;
esac
"""
    )
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("says", [_DEBIAN_12, _WITH_BUILDX])
def test_a_docker_with_buildkit_will_do(tmp_path: Path, says: tuple[str, bool]) -> None:
    check_builder(_docker(tmp_path, *says))


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (_DEBIAN_13, r"^This docker has no BuildKit, .*: apt install docker-buildx, or .*\.$"),
        (_NO_DAEMON, r"^No docker daemon answers; is it started\? .*Cannot connect"),
    ],
)
def test_one_that_cannot_build_says_what_is_missing_and_how_to_get_it(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    says: tuple[str, bool],
    sentence: str,
) -> None:
    docker = _docker(tmp_path, *says)
    with pytest.raises(BuilderMissing, match=f"(?s){sentence}"):
        check_builder(docker)

    assert main(["--docker", docker]) == 1
    assert capsys.readouterr().err.count("\n") <= 2
    assert not (tmp_path / "built").exists()


def test_without_docker_and_podman_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BuilderMissing, match=r"apt install docker\.io"):
        check_builder(str(tmp_path / "docker"))


def test_the_builder_is_asked_for_the_target_with_buildkit_and_all_further_words(
    tmp_path: Path,
) -> None:
    docker = _docker(tmp_path, *_DEBIAN_12)

    status = main(["--docker", docker, "--target", "runtime", "--tag", "t", "--platform", "p"], {})

    buildkit, build, *words, context = (tmp_path / "built").read_text().splitlines()
    assert (status, buildkit, build) == (7, "1", "build")
    assert words[words.index("--file") + 1].endswith("/Dockerfile.streaming")
    assert words[words.index("--target") + 1] == "runtime"
    assert words[words.index("--platform") + 1] == "p"
    assert (Path(context) / "Dockerfile.streaming").is_file()


def _git(folder: Path, *words: str) -> str:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    command = ["git", "-C", str(folder), *names, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one")
    _git(tmp_path, "add", "file")
    _git(tmp_path, "commit", "--quiet", "--message", "One.", "--date", "2026-01-02T03:04:05Z")
    return tmp_path


def test_an_image_names_its_commit_and_when_that_was_made(checkout: Path) -> None:
    labels = labels_of(checkout)

    assert labels["REVISION"] == _git(checkout, "rev-parse", "HEAD")
    assert labels["CREATED"] == _git(checkout, "show", "-s", "--format=%cI")
    assert "SOURCE" not in labels


def test_a_change_that_is_not_committed_shows(checkout: Path) -> None:
    (checkout / "file").write_text("two")

    assert labels_of(checkout)["REVISION"].endswith("-changed")


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("https://example.com/a/b.git", "https://example.com/a/b"),
        ("https://someone:ghp_secret@example.com/a/b", "https://example.com/a/b"),
        ("git@example.com:a/b.git", "https://example.com/a/b"),
        ("/home/me/b", None),
        ("file:///home/me/b", None),
    ],
)
def test_the_source_is_public_and_holds_no_password(
    checkout: Path, origin: str, source: str | None
) -> None:
    _git(checkout, "remote", "add", "origin", origin)

    assert labels_of(checkout).get("SOURCE") == source
    assert "secret" not in json.dumps(labels_of(checkout))


def test_a_folder_that_is_no_checkout_gives_no_labels(tmp_path: Path) -> None:
    assert labels_of(tmp_path) == {}
