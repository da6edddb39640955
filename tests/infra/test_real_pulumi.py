"""The path of docs/deploy.md with the real Pulumi, where there is one, over moto."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.infra.cloud import Cloud
from tests.infra.configurations import on_paper
from tests.infra.engine import Stack, steps
from tests.infra.files import write_files

if TYPE_CHECKING:
    from tests.infra.providers import Provider

_ROOT = Path(__file__).parents[2]
_SECRETS = {"openaiApiKey": "sk-very-secret", "authToken": "let-me-in-please"}
_URL = "aws:lambda/functionUrl:FunctionUrl"
_PROGRAMS = ("pulumi", "pulumi-language-python")

pytestmark = [
    pytest.mark.real,
    pytest.mark.optional,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not all(map(shutil.which, _PROGRAMS)), reason="the Pulumi CLI is not installed"
    ),
]


@dataclass
class Project:
    """A checkout with a Pulumi of its own.

    Attributes:
        said: everything that Pulumi has printed.
    """

    folder: Path
    environment: Mapping[str, str]
    provider: "Provider"
    said: list[str] = field(default_factory=list)

    def run(self, *arguments: str, fails: bool = False, given: str = "") -> str:
        done = subprocess.run(
            arguments,
            cwd=self.folder,
            env=dict(self.environment),
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        text = done.stdout + done.stderr
        self.said.append(text)
        assert (done.returncode != 0) == fails, text
        return text

    def set(self, **values: str) -> None:
        for name, value in values.items():
            self.run("pulumi", "config", "set", name, value, "--stack", "dev")

    def up(self) -> list[tuple[str, str]]:
        """Deploy; returns what was done."""
        self.provider.done.clear()
        if "packaging: zip" in (self.folder / "Pulumi.dev.yaml").read_text():
            # What `make deploy` runs once it has built the zip file.
            self.run("pulumi", "up", "--stack", "dev", "--yes", "--non-interactive")
            return list(self.provider.done)
        # What is set up is set up already: the tests install nothing.
        ready = ("--old-file=.venv/.ready-infra", "--old-file=.venv/.ready-dev")
        self.run("make", "--silent", *ready, "deploy", "STACK=dev", "YES=1")
        return list(self.provider.done)

    def output(self, name: str) -> str:
        return self.run("pulumi", "stack", "output", name, "--stack", "dev").strip()


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path) -> Iterator[Project]:
    from tests.infra.providers import serve_providers

    folder, programs, state = (tmp_path / name for name in ("checkout", "programs", "state"))
    for path in (folder, programs, state):
        path.mkdir()
    for name in ("Makefile", "Pulumi.yaml", "Pulumi.dev.yaml", "Dockerfile.streaming"):
        shutil.copy(_ROOT / name, folder)
    shutil.copytree(_ROOT / "infra", folder / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(_ROOT / "bench" / "scaling", folder / "bench" / "scaling")
    (folder / ".venv").symlink_to(_ROOT / ".venv")
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "MAKELEVEL": "1",
    }
    with serve_providers(cloud, programs) as provider:
        yield Project(folder, environment, provider)


def _done(before: Stack, after: Stack) -> list[tuple[str, str]]:
    """Return what our engine does, in the words of a provider."""
    words = {"create": "create", "replace": "create", "update": "update"}
    return sorted(
        (words.get(operation, "delete"), resource.urn)
        for operation, resource in steps(before, after)
    )


def _config(project: Project) -> dict[str, object]:
    """Return the stack's configuration as the program gets it."""
    found = json.loads(project.run("pulumi", "config", "--json", "--stack", "dev"))
    return {
        name.removeprefix("deltaline:"): kept.get("objectValue", kept.get("value"))
        for name, kept in found.items()
        if name.startswith("deltaline:") and not kept["secret"]
    }


def test_the_path_of_the_page(project: Project, tmp_path: Path) -> None:
    files = write_files(tmp_path)
    project.run("pulumi", "stack", "init", "dev")
    project.set(**{"aws:region": "eu-west-1", "dockerfile": files.dockerfile})
    for name, value in _SECRETS.items():
        project.run("pulumi", "config", "set", "--secret", name, given=value)

    before: Stack = ()
    urls: dict[str, str] = {}
    for name, changes in (
        ("url", {}),
        ("again", {}),
        ("cloudfront", {"frontDoor": "cloudfront", "webDir": files.page}),
        ("apiGateway", {"frontDoor": "apiGateway"}),
        ("back", {"frontDoor": "url"}),
        ("zip", {"packaging": "zip", "zipFile": files.package}),
        ("secrets", {"secretStore": "secretsManager"}),
        ("signed", {"auth": "AWS_IAM"}),
    ):
        if name == "cloudfront":
            project.run("pulumi", "config", "rm", "allowedOrigins", "--stack", "dev")
        project.set(**changes)
        done = project.up()
        after = on_paper(_config(project), _SECRETS)

        assert sorted(done) == _done(before, after), name
        before = after
        urls[name] = _address(project)
    assert urls["url"] == urls["again"] == urls["cloudfront"] != ""
    assert urls["apiGateway"] == ""
    assert urls["url"] != urls["back"] != urls["zip"] == urls["secrets"] == urls["signed"]
    assert project.output("url").rstrip("/") == urls["signed"].rstrip("/")
    _destroy(project)
    _look_for_secrets(project, tmp_path)


def _address(project: Project) -> str:
    client = project.provider.cloud.client("lambda")
    try:
        return str(client.get_function_url_config(FunctionName="deltaline-dev")["FunctionUrl"])
    except client.exceptions.ResourceNotFoundException:
        return ""


def _destroy(project: Project) -> None:
    text = project.run("make", "--silent", "--old-file=.venv/.ready-infra", "destroy", "YES=1")
    assert "pulumi stack rm dev --preserve-config" in text
    cloud = project.provider.cloud
    assert not cloud.client("lambda").list_functions()["Functions"]
    assert not cloud.client("ssm").describe_parameters()["Parameters"]
    assert not cloud.client("secretsmanager").list_secrets()["SecretList"]
    # What API Gateway's logs of other APIs are written with.
    roles = [role["RoleName"] for role in cloud.client("iam").list_roles()["Roles"]]
    assert all(re.fullmatch("deltaline-dev-api-logs-.*", name) for name in roles)
    project.run("pulumi", "stack", "rm", "dev", "--preserve-config", "--yes")
    assert (project.folder / "Pulumi.dev.yaml").is_file()


def _look_for_secrets(project: Project, tmp_path: Path) -> None:
    """Look for what must be nowhere in plain text: in what was said, the state and its history."""
    texts = {
        "said": "\n".join(project.said),
        **{
            str(path): path.read_text(errors="replace")
            for folder in ("state", "home", "checkout")
            for path in (tmp_path / folder).rglob("*")
            if path.is_file() and ".venv" not in path.parts
        },
    }
    assert len(texts) > 3
    found = [
        (where, secret)
        for where, text in texts.items()
        for secret in (*_SECRETS.values(), project.environment["PULUMI_CONFIG_PASSPHRASE"])
        if secret in text
    ]
    assert not found


def test_a_site_of_an_earlier_version_keeps_its_url(project: Project, tmp_path: Path) -> None:
    """It was made by a program in which the URL was a part of the site."""
    from infra.front_door import FORMER_URL

    files = write_files(tmp_path)
    project.run("pulumi", "stack", "init", "dev")
    project.run("pulumi", "config", "rm", "allowedOrigins")
    site = {"frontDoor": "cloudfront", "dockerfile": files.dockerfile, "webDir": files.page}
    project.set(**{"aws:region": "eu-west-1", **site})
    for name, value in _SECRETS.items():
        project.run("pulumi", "config", "set", "--secret", name, given=value)
    project.up()
    address = _address(project)
    state = project.run("pulumi", "stack", "export", "--stack", "dev", "--show-secrets")
    former = FORMER_URL.format(stack="dev", project="deltaline")
    now = f"urn:pulumi:dev::deltaline::deltaline:infra:StreamingUrl${_URL}::chat"
    old = _with_parents(json.loads(state), now, former)
    project.run("pulumi", "stack", "import", "--stack", "dev", given=json.dumps(old))

    again = project.up()
    project.set(frontDoor="url")
    to_url = project.up()

    assert [step for step in again if _URL in step[1]] == []
    assert [step for step in to_url if _URL in step[1]] == [("update", now)]
    assert _address(project) == address


def _with_parents(state: dict[str, object], now: str, former: str) -> object:
    """Return a state in which the URL and the component around it have the names of before."""
    text = json.dumps(state).replace(now, former)
    component = "urn:pulumi:dev::deltaline::deltaline:infra:StreamingUrl::chat"
    return json.loads(text.replace(component, former.replace(f"${_URL}", "")))


@pytest.mark.parametrize(
    ("key", "value", "is_refused"),
    [
        ("secretKmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-aaaa", True),
        ("openaiApiKeyArn", "arn:aws:ssm:eu-west-1:123456789012:parameter/models/key", False),
        ("alarmTopicArn", "arn:aws:sns:eu-west-1:123456789012:operations", False),
        ("secretStore", "secretsManager", False),
        ("maxOutputTokens", "4096", False),
        ("jwtJwksUrl", "https://example.com/.well-known/jwks.json", False),
    ],
)
def test_only_one_key_needs_to_be_told_that_it_is_no_secret(
    project: Project, key: str, value: str, is_refused: bool
) -> None:
    project.run("pulumi", "stack", "init", "dev")

    text = project.run("pulumi", "config", "set", key, value, fails=is_refused)
    project.run("pulumi", "config", "set", "--plaintext", key, value)

    assert ("--plaintext" in text) == is_refused


def test_providers_are_run_in_the_folder_of_the_program(project: Project, tmp_path: Path) -> None:
    files = write_files(tmp_path)
    project.run("pulumi", "stack", "init", "dev")
    project.set(**{"aws:region": "eu-west-1", "dockerfile": files.dockerfile})
    for name, value in _SECRETS.items():
        project.run("pulumi", "config", "set", "--secret", name, given=value)

    project.up()

    started: Sequence[Path] = sorted((tmp_path / "programs").glob("*.started-in"))
    assert [path.name for path in started] == [
        *("aws.started-in", "docker-build.started-in", "random.started-in"),
    ]
    assert {path.read_text().strip() for path in started} == {str(project.folder / "infra")}


def test_the_hint_of_a_checkout_that_is_not_set_up_names_a_file_that_is_there(
    project: Project,
) -> None:
    (project.folder / ".venv").unlink()
    project.run("pulumi", "stack", "init", "dev")

    text = project.run("pulumi", "preview", "--stack", "dev", "--non-interactive", fails=True)

    assert "requirements.txt" in text or "pulumi install" in text
    assert (project.folder / "infra" / "requirements.txt").is_file()


def test_another_checkout_deploys_nothing_anew(project: Project, tmp_path: Path) -> None:
    project.run("pulumi", "stack", "init", "dev")
    project.set(**{"aws:region": "eu-west-1"})
    for name, value in _SECRETS.items():
        project.run("pulumi", "config", "set", "--secret", name, given=value)
    project.up()
    other = tmp_path / "another"
    shutil.copytree(project.folder, other, symlinks=True)
    project.folder = other

    assert project.up() == []
