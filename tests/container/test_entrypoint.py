"""The image's entry point: what it starts where, and what it refuses to start with."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest

from app.commands.container import CHAINS, main
from tests.chatting import data_body
from tests.container.cases import INVOKE, STREAM
from tests.container.entrypoint import COMMAND, ROOT, environment, started
from tests.ports import free_port

APPS = "tests.commands.own_apps"
INSIDE_LAMBDA = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"}


@pytest.fixture
def lambda_environ(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a process finds inside Lambda; what it must not start with goes on top."""
    monkeypatch.setenv("CHAT_PROVIDER", "scripted")
    return {**INSIDE_LAMBDA, "AWS_LWA_INVOKE_MODE": "response_stream", "AWS_LWA_PORT": "8081"}


@pytest.mark.parametrize("mode", ["stream", "RESPONSE_STREAM ", ""])
@pytest.mark.parametrize("chain", CHAINS)
def test_an_invoke_mode_that_the_adapter_would_not_know_stops_the_start(
    capsys: pytest.CaptureFixture[str], chain: str, mode: str
) -> None:
    assert main([chain], {"AWS_LWA_INVOKE_MODE": mode}) == 2

    sentence = f"AWS_LWA_INVOKE_MODE is {mode!r}; it must be buffered or response_stream."
    assert capsys.readouterr().err == f"deltaline: {sentence}\n"


def test_it_stops_the_start_inside_lambda_too(
    capsys: pytest.CaptureFixture[str], lambda_environ: dict[str, str]
) -> None:
    assert main(["web-adapter"], {**lambda_environ, "AWS_LWA_INVOKE_MODE": "stream"}) == 2

    assert "AWS_LWA_INVOKE_MODE is 'stream'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"AWS_LWA_PORT": "http"}, "AWS_LWA_PORT is 'http'; it must be a port from 1 to 65535."),
        ({"AWS_LWA_PORT": "0"}, "AWS_LWA_PORT is '0'; it must be a port from 1 to 65535."),
        ({"AWS_LWA_PORT": "65536"}, "AWS_LWA_PORT is '65536'; it must be a port from 1 to 65535."),
        ({"AWS_LWA_PORT": ""}, "AWS_LWA_PORT is ''; it must be a port from 1 to 65535."),
    ],
)
def test_a_port_that_the_adapter_cannot_reach_stops_the_start(
    capsys: pytest.CaptureFixture[str],
    lambda_environ: dict[str, str],
    variables: dict[str, str],
    sentence: str,
) -> None:
    assert main(["web-adapter"], {**lambda_environ, **variables}) == 2

    assert capsys.readouterr().err == f"deltaline: {sentence}\n"


@pytest.mark.parametrize("name", ["AWS_LWA_PORT", "PORT"])
def test_inside_lambda_the_app_takes_the_port_that_the_adapter_looks_at(
    capsys: pytest.CaptureFixture[str], lambda_environ: dict[str, str], name: str
) -> None:
    lambda_environ.pop("AWS_LWA_PORT")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert main(["web-adapter"], {**lambda_environ, name: str(port)}) == 1

    assert capsys.readouterr().err.startswith(f"deltaline: cannot listen on 127.0.0.1 port {port}")


@pytest.mark.parametrize("environ", [{}, INSIDE_LAMBDA], ids=["outside", "inside"])
def test_a_setting_that_does_not_exist_stops_the_start(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
) -> None:
    monkeypatch.setenv("CHAT_MODELL", "x")

    assert main(["web-adapter"], environ) == 2

    sentence = "CHAT_MODELL is not a setting; did you mean CHAT_MODEL?"
    assert capsys.readouterr().err == f"deltaline: {sentence}\n"


def test_a_word_that_names_nothing_is_refused_with_what_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["adapter"], {})

    assert ended.value.code == 2
    assert "web-adapter" in capsys.readouterr().err


def test_where_nobody_answers_nothing_is_healthy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["health"], {"PORT": str(free_port())}) == 1

    assert "no answer on port" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [b"", b"no HTTP\r\n", b"HTTP/1.1 500 Oops\r\n\r\n"])
@pytest.mark.parametrize("direct", ["", "true"])
@pytest.mark.parametrize("app", ["", "my_app:create"])
def test_what_answers_something_else_is_not_healthy(answer: bytes, direct: str, app: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        answering = threading.Thread(target=answer_once)
        answering.start()
        environ = {"PORT": str(port), "CHAT_DIRECT": direct, "CHAT_APP": app}
        status = main(["health"], environ)
        answering.join()

    assert status == 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"CHAT_TOOL_MODULES": "nope"}, "The module nope of CHAT_TOOL_MODULES cannot be imported"),
        ({"CHAT_STORE": "memory"}, "CHAT_STORE"),
        ({"CHAT_DEFAULT_TOOL": "nope"}, "CHAT_DEFAULT_TOOL has a bad value"),
        ({"PORT": "0"}, "PORT is 0; in a container it must be a port from 1 to 65535."),
        ({"PORT": "0", "CHAT_DIRECT": "true"}, "PORT is 0; in a container"),
        ({"CHAT_TOOL_MODULES": "nope", "CHAT_DIRECT": "true"}, "The module nope of"),
        ({"CHAT_APP": "nope:create"}, "CHAT_APP is nope:create, but there is no module nope"),
        ({"CHAT_APP": f"{APPS}:failing"}, f"CHAT_APP is {APPS}:failing, which failed in line "),
        ({"CHAT_APP": f"{APPS}:failing", "CHAT_DIRECT": "true"}, "CHAT_APP is tests.commands.own_"),
        (
            {"CHAT_APP": "nope:create", **INSIDE_LAMBDA, "AWS_LWA_INVOKE_MODE": "buffered"},
            "CHAT_APP is nope:create, but there is no module nope",
        ),
        (
            {"CHAT_TOOL_MODULES": "nope", **INSIDE_LAMBDA, "AWS_LWA_INVOKE_MODE": "buffered"},
            "The module nope of",
        ),
    ],
)
def test_what_no_chat_could_run_with_stops_the_start_in_one_sentence(
    variables: dict[str, str], sentence: str
) -> None:
    environ = environment(**{"PORT": str(free_port()), **variables})
    done = subprocess.run(
        [*COMMAND, "web-adapter"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert done.stderr.startswith(f"deltaline: {sentence}")
    assert done.stderr.count("\n") == 1


@pytest.mark.timeout(60)
def test_an_app_that_raises_while_it_is_made_stops_the_start_in_one_sentence(
    tmp_path: Path,
) -> None:
    """The check itself: nothing but a defect of ours gets here today."""
    (tmp_path / "sitecustomize.py").write_text(
        "import app.main\n"
        "def broken(settings): raise RuntimeError('no disk')\n"
        "app.main.create_lean_app = broken\n"
    )
    environ = environment(PORT=str(free_port()), PYTHONPATH=f"{tmp_path}:{ROOT}")
    done = subprocess.run(
        [*COMMAND, "runtime"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert done.stderr == "deltaline: The app cannot be made: RuntimeError: no disk\n"


@pytest.mark.timeout(60)
def test_a_command_of_ones_own_is_not_held_against_our_settings(tmp_path: Path) -> None:
    variables = {"CHAT_TOOL_MODULES": "nope"}
    arguments = ["runtime", "--host", "127.0.0.1", "--", sys.executable, "-c", "pass"]
    with started(arguments, tmp_path / "log", variables) as running:
        assert "cannot be imported" not in running.log


def _is_healthy(port: str, **variables: str) -> bool:
    environ = environment(PORT=port, **variables)
    done = subprocess.run([*COMMAND, "health"], cwd=ROOT, env=environ, timeout=30, check=False)
    return done.returncode == 0


@pytest.mark.timeout(180)
def test_a_direct_container_is_the_app_alone(tmp_path: Path) -> None:
    variables = {"CHAT_DIRECT": "true", "CHAT_PROVIDER": "scripted"}
    with started(["web-adapter", "--host", "127.0.0.1"], tmp_path / "log", variables) as running:
        port = running.url.rpartition(":")[2]
        healthy = _is_healthy(port, **variables)
        answer = httpx2.post(running.url + "/api/chat", json=data_body("Hi"), timeout=30)
        # Asked for something else than what runs there.
        mistaken = _is_healthy(port)
        status = running.stop()

    assert f'"message":"listening on http://127.0.0.1:{port}"' in running.log
    assert healthy
    assert not mistaken
    assert answer.headers["x-vercel-ai-data-stream"] == "v1"
    assert status == 0
    assert "Traceback" not in running.log


@pytest.mark.timeout(180)
@pytest.mark.parametrize("direct", ["true", "false"])
@pytest.mark.parametrize(("name", "path"), [("with_a_route", ""), ("mounting", "/ai")])
def test_an_app_of_ones_own_is_healthy_and_chats(
    tmp_path: Path, name: str, path: str, direct: str
) -> None:
    variables = {"CHAT_DIRECT": direct, "CHAT_PROVIDER": "scripted", "CHAT_APP": f"{APPS}:{name}"}
    with started(["runtime", "--host", "127.0.0.1"], tmp_path / "log", variables) as running:
        healthy = _is_healthy(running.url.rpartition(":")[2], **variables)
        orders = httpx2.get(running.url + "/orders", timeout=60)
        answer = httpx2.post(f"{running.url}{path}/api/chat", json=data_body("Hi"), timeout=60)
        status = running.stop()

    assert healthy
    assert orders.json() == ["order 7"]
    assert '\nd:{"finishReason":"stop"' in answer.text
    assert status == 0
    assert "Traceback" not in running.log


@pytest.mark.timeout(180)
def test_the_health_check_of_a_local_lambda_starts_no_function(tmp_path: Path) -> None:
    with started(["runtime", "--host", "127.0.0.1"], tmp_path / "log") as running:
        healthy = _is_healthy(running.url.rpartition(":")[2])
        log = running.log

    assert healthy
    assert "-m app.commands.container runtime" in log
    assert "START RequestId" not in log


@pytest.mark.timeout(120)
def test_a_container_asks_whoever_invokes_for_the_token(tmp_path: Path) -> None:
    variables = {"CHAT_PROVIDER": "scripted", "CHAT_AUTH_TOKEN": "secret"}
    with started(["runtime"], tmp_path / "log", variables) as running:
        statuses = {
            path: [
                httpx2.post(
                    running.url + path, json=data_body("Hi"), headers=headers, timeout=60
                ).status_code
                for headers in ({}, {"x-chat-token": "wrong"}, {"x-chat-token": "secret"})
            ]
            for path in (INVOKE, STREAM, "/api/chat")
        }
        payload = _invoked_by_boto3(running.url, "secret")
        healthy = _is_healthy(running.url.rpartition(":")[2], **variables)

    assert statuses == {path: [401, 401, 200] for path in (INVOKE, STREAM, "/api/chat")}
    assert b'\nd:{"finishReason":"stop"' in payload
    assert healthy
    assert "without authentication" not in running.log


def _invoked_by_boto3(url: str, token: str) -> bytes:
    """Invoke as docs/deploy.md says: the signature is in ``authorization``, the token beside it."""
    client = boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )

    def add_token(request: Any, **_: object) -> None:
        request.headers["x-chat-token"] = token

    client.meta.events.register("before-sign.lambda", add_token)
    body = json.dumps(data_body("Hi"))
    payload: bytes = client.invoke(FunctionName="function", Payload=body)["Payload"].read()
    return payload


@pytest.mark.timeout(60)
@pytest.mark.parametrize("direct", ["true", "false"])
def test_a_container_without_a_token_answers_and_says_that_it_is_open(
    tmp_path: Path, direct: str
) -> None:
    variables = {"CHAT_PROVIDER": "scripted", "CHAT_DIRECT": direct}
    with started(["runtime"], tmp_path / "log", variables) as running:
        answer = httpx2.post(running.url + "/api/chat", json=data_body("Hi"), timeout=30)

    assert answer.status_code == 200
    assert running.log.count("listening on 0.0.0.0 without authentication") == 1
    assert "CHAT_AUTH_TOKEN" in running.log
