"""Amazon's own DynamoDB for one machine, from Maven Central, started once for a run of the tests.

It is fetched into `.cache/` at the first run that finds Maven, and needs Java from then on.

Source: AWS, "Deploying DynamoDB locally"; its Maven artifact com.amazonaws:DynamoDBLocal.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

VERSION = "2.6.1"
_CACHE = Path(__file__).parents[2] / ".cache" / "dynamodb-local"
_JARS = _CACHE / VERSION / "lib"
_MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
_START_S = 60.0
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>deltaline</groupId><artifactId>judge</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId><artifactId>DynamoDBLocal</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


@contextlib.contextmanager
def running_dynamodb() -> Iterator[str]:
    """Run DynamoDB on a free port; yield its URL. Skip the test where it cannot run."""
    if shutil.which("java") is None:
        pytest.skip("DynamoDBLocal needs Java")
    jars = _fetched()
    port = free_port()
    # One thread compiles and one collects garbage: the machine has other things to do.
    command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m"]
    command += [f"-Djava.library.path={jars}", "-cp", f"{jars}/*", _MAIN]
    command += ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield url
    finally:
        process.kill()
        process.wait()


def _fetched() -> Path:
    """Return the folder of the jars; while another process fetches them, wait."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _JARS.exists():
            _fetch()
    return _JARS


def _fetch() -> None:
    if shutil.which("mvn") is None:
        pytest.skip("DynamoDBLocal is fetched with Maven, which is not installed")
    pom, jars = _CACHE / "pom.xml", _CACHE / "fetched"
    pom.write_text(_POM)
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
    done = subprocess.run(
        [*command, f"-DoutputDirectory={jars}"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"DynamoDBLocal cannot be fetched: {done.stdout[-500:]}")
    _JARS.parent.mkdir(exist_ok=True)
    jars.rename(_JARS)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        assert process.poll() is None, "DynamoDBLocal does not start"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return  # it has refused a call that nobody signed
        except OSError:
            time.sleep(0.1)  # there is nothing to wait for but the port
    raise AssertionError("DynamoDBLocal does not listen")


def own_environment(url: str) -> dict[str, str]:
    """Return the variables with which a process finds DynamoDB here."""
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI-example-only",
        "PATH": os.environ["PATH"],
    }
