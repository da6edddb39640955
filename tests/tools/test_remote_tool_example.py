"""`examples/remote-tool`: it runs, it is called, and AWS would take what it sends."""

import importlib
import importlib.util
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from app.aws.sigv4 import Credentials
from app.events import Event, Status, ToolOutputAvailable
from app.tools import Tool
from app.tools.execution import run_calls
from app.tools.loading import load_tools
from app.tools.remote import RemoteTool
from app.tools.valid_call import validate
from tests.emulator.emulation import OURS, emulator
from tests.tools.sink import Sink

FOLDER = Path(__file__).parents[2] / "examples" / "remote-tool"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:function"
ROLE = {
    "Role": {
        "Path": "/",
        "RoleName": "slow",
        "RoleId": "AROAEXAMPLEEXAMPLE",
        "Arn": "arn:aws:iam::123456789012:role/slow",
        "CreateDate": "2026-01-01T00:00:00Z",
    }
}
ASK_URL = {"FunctionName": "slow"}
URL = {
    "FunctionUrl": "https://abcdefg.lambda-url.us-east-1.on.aws/",
    "FunctionArn": ARN,
    "AuthType": "AWS_IAM",
    "CreationTime": "2026-01-01T00:00:00Z",
    "LastModifiedTime": "2026-01-01T00:00:00Z",
}
NEW_URL = {key: value for key, value in URL.items() if key != "LastModifiedTime"}


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


deployment = _module("deploy")
yaml = importlib.import_module("yaml")  # it has no types


@pytest.fixture
def slow_process(monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Load the tool as the function on Lambda does."""
    monkeypatch.syspath_prepend(FOLDER)
    return load_tools(modules=["slow_tool"])["slow_process"]


async def called(tool: RemoteTool, **tool_input: Any) -> list[Event]:
    sink = Sink()
    await run_calls([validate(tool, "c1", tool_input)], emit=sink.emit)
    return sink.events


class Keys:
    async def get(self) -> Credentials:
        return Credentials("AKIAEXAMPLE", "secret")


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize("by_arn", [False, True], ids=["by its URL", "by its ARN"])
async def test_the_function_reports_live_from_our_runtime_on_lambda(by_arn: bool) -> None:
    variables = {
        "_HANDLER": "app.main:create_app",
        "CHAT_TOOL_MODULES": "slow_tool",
        "PYTHONPATH": str(FOLDER),
    }
    async with emulator(OURS, variables=variables) as running:
        address: dict[str, Any] = {"function_url": running.url}
        if by_arn:
            address = {
                "function_arn": ARN,
                "endpoint_url": running.url,
                "credentials": Keys(),
            }
        tool = RemoteTool("slow_process", **address, config={"seconds_per_step": 0})

        events = await called(tool, message="hello", steps=2)

    assert events == [
        Status("Tool execution started", "c1"),
        Status("Starting: hello", "c1"),
        Status("Step 1/2 complete...", "c1"),
        Status("Step 2/2 complete...", "c1"),
        ToolOutputAvailable("c1", {"status": "success", "message": "Processed in 2 steps"}),
    ]


def test_the_agent_names_what_the_tool_takes(slow_process: Tool) -> None:
    text = (FOLDER / "agent.yaml").read_text()
    # What the included file would define.
    text = re.sub(r"^!include .*$", "", text, flags=re.MULTILINE)
    shared = "broker_connection: &broker_connection {}\nplanning_model: &planning_model {}\n"

    agent = yaml.safe_load(shared + text)

    (declared,) = agent["apps"][0]["app_config"]["tools"]
    properties = slow_process.parameters["properties"]
    assert declared["name"] == slow_process.name
    assert declared["parameters"]["required"] == slow_process.parameters["required"]
    types = {name: schema["type"] for name, schema in properties.items()}
    declared_properties = declared["parameters"]["properties"]
    assert {name: value["type"] for name, value in declared_properties.items()} == types


def test_the_tool_is_added_to_what_make_zip_built(tmp_path: Path) -> None:
    package = tmp_path / "function.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n")

    code = deployment.function_zip(package)

    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        assert archive.namelist() == ["bootstrap", "slow_tool.py"]
        assert archive.read("slow_tool.py") == (FOLDER / "slow_tool.py").read_bytes()


@pytest.fixture
def clients() -> tuple[Any, Any]:
    """Make clients that check what they are given against AWS's service models."""
    keys: dict[str, Any] = {
        "aws_access_key_id": "A",
        "aws_secret_access_key": "B",
        "region_name": "us-east-1",
    }
    return boto3.client("lambda", **keys), boto3.client("iam", **keys)


def test_deploying_makes_role_function_and_url(clients: tuple[Any, Any]) -> None:
    lambda_client, iam_client = clients
    pauses: list[float] = []
    created: dict[str, Any] = {
        "FunctionName": "slow",
        "Runtime": "python3.13",
        "Handler": "app.main:create_app",
        "Role": ROLE["Role"]["Arn"],
        "Code": {"ZipFile": b"zip"},
        "Timeout": 120,
        "MemorySize": 512,
        "Environment": {
            "Variables": {
                "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/bootstrap",
                "CHAT_TOOL_MODULES": "slow_tool",
            }
        },
    }
    on_url = {**ASK_URL, "AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"}
    not_yet = "The role defined for the function cannot be assumed by Lambda."
    with Stubber(lambda_client) as functions, Stubber(iam_client) as roles:
        roles.add_client_error("get_role", "NoSuchEntity")
        trusted = {"RoleName": "slow", "AssumeRolePolicyDocument": ANY}
        roles.add_response("create_role", ROLE, trusted)
        roles.add_response("attach_role_policy", {}, {"RoleName": "slow", "PolicyArn": ANY})
        functions.add_client_error("update_function_code", "ResourceNotFoundException")
        functions.add_client_error("create_function", "InvalidParameterValueException", not_yet)
        functions.add_response("create_function", {}, created)
        active = {"Configuration": {"State": "Active"}}
        functions.add_response("get_function", active, {"FunctionName": "slow"})
        functions.add_client_error("get_function_url_config", "ResourceNotFoundException")
        functions.add_response("create_function_url_config", NEW_URL, on_url)

        url = deployment.deploy(
            "slow", b"zip", lambda_client=lambda_client, iam_client=iam_client, sleep=pauses.append
        )

        functions.assert_no_pending_responses()
        roles.assert_no_pending_responses()
    assert url == URL["FunctionUrl"]
    assert len(pauses) == 1


def test_deploying_again_updates_the_code(clients: tuple[Any, Any]) -> None:
    lambda_client, iam_client = clients
    with Stubber(lambda_client) as functions, Stubber(iam_client) as roles:
        roles.add_response("get_role", ROLE, {"RoleName": "slow"})
        roles.add_response("attach_role_policy", {}, {"RoleName": "slow", "PolicyArn": ANY})
        new_code = {"FunctionName": "slow", "ZipFile": b"zip"}
        functions.add_response("update_function_code", {}, new_code)
        functions.add_response("get_function", {"Configuration": {"State": "Active"}}, ASK_URL)
        functions.add_response("get_function_url_config", URL, ASK_URL)

        url = deployment.deploy("slow", b"zip", lambda_client=lambda_client, iam_client=iam_client)

    assert url == URL["FunctionUrl"]


@pytest.mark.parametrize("is_there", [True, False])
def test_removing_leaves_nothing_and_needs_nothing(
    clients: tuple[Any, Any], is_there: bool
) -> None:
    lambda_client, iam_client = clients
    with Stubber(lambda_client) as functions, Stubber(iam_client) as roles:
        for method in ("delete_function_url_config", "delete_function"):
            if is_there:
                functions.add_response(method, {}, {"FunctionName": "slow"})
            else:
                functions.add_client_error(method, "ResourceNotFoundException")
        if is_there:
            detached = {"RoleName": "slow", "PolicyArn": ANY}
            roles.add_response("detach_role_policy", {}, detached)
            roles.add_response("delete_role", {}, {"RoleName": "slow"})
        else:
            roles.add_client_error("detach_role_policy", "NoSuchEntity")
            roles.add_client_error("delete_role", "NoSuchEntity")

        deployment.remove("slow", lambda_client=lambda_client, iam_client=iam_client)

        functions.assert_no_pending_responses()
        roles.assert_no_pending_responses()


def test_without_a_package_the_command_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deployment, "PACKAGE", tmp_path / "missing.zip")

    with pytest.raises(SystemExit):
        deployment.main([])

    assert "make zip" in capsys.readouterr().err


def test_the_permissions_in_the_readme_are_the_two_that_aws_asks_for() -> None:
    policy = re.search(r"```json\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)

    assert policy is not None
    statement = json.loads(policy[1])["Statement"][0]
    assert statement["Action"] == ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"]
