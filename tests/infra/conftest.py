"""An AWS of our own: moto's server, emptied before every test."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.infra.cloud import Cloud
from tests.infra.files import write_package


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    # It loads half of AWS, which only tests that run should wait for.
    from moto import backends
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        # It reads its own folder again for each request.
        services = tuple(backends.list_of_moto_modules())
        patch.setattr(backends, "list_of_moto_modules", lambda: services)
        # An image that has not been pushed is an error, as it is on AWS.
        patch.setenv("MOTO_LAMBDA_STUB_ECR", "false")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def cloud(moto_url: str) -> Cloud:
    httpx2.post(f"{moto_url}/moto-api/reset").raise_for_status()
    return Cloud(moto_url)


@pytest.fixture
def dockerfile(tmp_path: Path) -> str:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM scratch\n")
    return str(path)


@pytest.fixture
def package(tmp_path: Path) -> str:
    return str(write_package(tmp_path / "function.zip"))


@pytest.fixture
def page(tmp_path: Path) -> str:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "assets" / "index-1f2e3d.js").write_text("void 0;")
    return str(folder)
