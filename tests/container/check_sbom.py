"""The bill of materials names what the image really holds."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.container.docker import ROOT, Docker

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

# Prints each package that is installed, as the tool names it.
_INSTALLED = """
from importlib.metadata import distributions
for found in distributions(path=["/opt/python/lib/python3.13/site-packages"]):
    print(found.metadata["Name"], found.version)
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    output = tmp_path_factory.mktemp("sbom") / "sbom.cdx.json"
    command = [sys.executable, "-m", "infra.sbom", "--target", "web-adapter", "--output"]
    subprocess.run([*command, str(output)], cwd=ROOT, check=True)
    return output.read_text()


@pytest.fixture(scope="module")
def components(text: str) -> dict[str, dict[str, Any]]:
    """Return them by name, the adapter too."""
    return {component["name"]: component for component in json.loads(text)["components"]}


def test_it_keeps_the_schema_of_cyclonedx(text: str) -> None:
    bill = json.loads(text)

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    # It would notice.
    bill["components"][0]["hashes"][0]["alg"] = "SHA-257"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is not None


def test_it_names_every_package_of_the_image_and_no_other(
    docker: Docker, images: dict[str, str], components: dict[str, dict[str, Any]]
) -> None:
    python = ("--entrypoint", "/opt/python/bin/python", images["web-adapter"])
    lines = docker.run("run", "--rm", *python, "-c", _INSTALLED).splitlines()

    named = {f"{name} {component['version']}" for name, component in components.items()}
    adapter = {name for name in named if name.startswith("aws-lambda-adapter ")}
    assert len(adapter) == 1
    assert named - adapter == set(lines)


def test_each_package_has_its_licence_and_the_hash_of_a_locked_file(
    components: dict[str, dict[str, Any]],
) -> None:
    locked = set(re.findall(r"sha256:([0-9a-f]{64})", (ROOT / "requirements.lock").read_text()))

    for name, component in components.items():
        assert component["licenses"], name
        if component["purl"].startswith("pkg:pypi/"):
            (digest,) = component["hashes"]
            assert digest["alg"] == "SHA-256"
            assert digest["content"] in locked, name


def test_it_says_which_package_needs_which(text: str) -> None:
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in json.loads(text)["dependencies"]}

    (fastapi,) = [needed for ref, needed in needs.items() if ref.startswith("fastapi==")]
    assert any(ref.startswith("starlette==") for ref in fastapi)
