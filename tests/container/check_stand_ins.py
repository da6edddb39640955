"""The stand-ins for images that cannot be pulled are made from nothing but what they stand for."""

import tarfile
from pathlib import Path

import pytest

from tests.aws.build_adapter import built_adapter
from tests.container import stand_ins
from tests.container.conftest import WITH_STAND_INS
from tests.container.docker import Docker

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not WITH_STAND_INS, reason="there are no stand-ins here"),
]


def test_the_base_holds_debian_python_and_a_ca_bundle_and_nothing_else(docker: Docker) -> None:
    def listed(command: str) -> list[str]:
        return docker.run("run", "--rm", stand_ins.BASE, "sh", "-c", command).split()

    packages = (Path(__file__).parent / "base-packages.txt").read_text().split()
    assert listed("dpkg-query --show --showformat '${Package}\\n'") == packages
    assert listed("find /usr/local /opt /srv /home /root ! -type d | sort") == [
        "/root/.bashrc",
        "/root/.profile",
        "/usr/local/bin/python",
        "/usr/local/bin/python3",
        "/usr/local/man",
    ]
    assert listed("python --version")[1].startswith("3.13.")


def test_the_adapters_image_holds_only_what_cargo_built(docker: Docker, tmp_path: Path) -> None:
    docker.run("save", "--output", str(tmp_path / "image.tar"), stand_ins.ADAPTER_IMAGE)
    with tarfile.open(tmp_path / "image.tar") as image:
        (layer,) = [name for name in image.getnames() if name.endswith("layer.tar")]
        image.extract(layer, tmp_path, filter="data")
    with tarfile.open(tmp_path / layer) as files:
        assert files.getnames() == ["lambda-adapter"]
        binary = files.extractfile("lambda-adapter")
        assert binary is not None
        assert binary.read() == built_adapter().read_bytes()
