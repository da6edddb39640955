"""Deploys the tool of this folder to AWS Lambda, behind a Function URL that streams, or removes it.

    make zip
    python examples/remote-tool/deploy.py            prints the URL
    python examples/remote-tool/deploy.py --remove

Both may be run again at any time. They need the extra ``aws`` (boto3) and credentials that may
create a role and a function. The URL accepts only signed requests (``AWS_IAM``).
"""

import argparse
import contextlib
import io
import json
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "dist" / "function.zip"
TOOL = HERE / "slow_tool.py"

# A new role takes a while to be known everywhere in AWS.
_ROLE_TRIES = 20
_ROLE_PAUSE_S = 2.0
_TIMEOUT_S = 120
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_LOGS_POLICY = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def function_zip(package: Path = PACKAGE) -> bytes:
    """Return the zip file of ``make zip`` with the tool added."""
    whole = io.BytesIO(package.read_bytes())
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.write(TOOL, TOOL.name)
    return whole.getvalue()


def deploy(
    name: str,
    code: bytes,
    *,
    lambda_client: Any,
    iam_client: Any,
    sleep: Callable[[float], object] = time.sleep,
) -> str:
    """Create the role, the function and its URL, or update the function's code; return the URL."""
    role_arn = _role(name, iam_client)
    try:
        lambda_client.update_function_code(FunctionName=name, ZipFile=code)
    except lambda_client.exceptions.ResourceNotFoundException:
        _create(name, code, role_arn, lambda_client, sleep)
    lambda_client.get_waiter("function_active_v2").wait(FunctionName=name)
    try:
        found = lambda_client.get_function_url_config(FunctionName=name)
    except lambda_client.exceptions.ResourceNotFoundException:
        found = lambda_client.create_function_url_config(
            FunctionName=name, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM"
        )
    return str(found["FunctionUrl"])


def remove(name: str, *, lambda_client: Any, iam_client: Any) -> None:
    """Delete the function, its URL and its role, as far as they exist."""
    for delete in (lambda_client.delete_function_url_config, lambda_client.delete_function):
        with contextlib.suppress(lambda_client.exceptions.ResourceNotFoundException):
            delete(FunctionName=name)
    with contextlib.suppress(iam_client.exceptions.NoSuchEntityException):
        iam_client.detach_role_policy(RoleName=name, PolicyArn=_LOGS_POLICY)
    with contextlib.suppress(iam_client.exceptions.NoSuchEntityException):
        iam_client.delete_role(RoleName=name)


def _role(name: str, iam_client: Any) -> str:
    try:
        role = iam_client.get_role(RoleName=name)
    except iam_client.exceptions.NoSuchEntityException:
        role = iam_client.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))
    iam_client.attach_role_policy(RoleName=name, PolicyArn=_LOGS_POLICY)
    return str(role["Role"]["Arn"])


def _create(
    name: str, code: bytes, role_arn: str, lambda_client: Any, sleep: Callable[[float], object]
) -> None:
    for tried in range(1, _ROLE_TRIES + 1):
        try:
            lambda_client.create_function(
                FunctionName=name,
                Runtime="python3.13",
                Handler="app.main:create_app",
                Role=role_arn,
                Code={"ZipFile": code},
                Timeout=_TIMEOUT_S,
                MemorySize=512,
                Environment={
                    "Variables": {
                        "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/bootstrap",
                        "CHAT_TOOL_MODULES": TOOL.stem,
                    }
                },
            )
            return
        except lambda_client.exceptions.InvalidParameterValueException as error:
            if tried == _ROLE_TRIES or "cannot be assumed" not in str(error):
                raise
            sleep(_ROLE_PAUSE_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy or remove the tool; return the exit status."""
    parser = argparse.ArgumentParser(description="Deploy the remote tool to AWS Lambda.")
    parser.add_argument("--name", default="slow-process", help="of the function and its role")
    parser.add_argument("--region", help="default: that of the AWS configuration")
    parser.add_argument("--remove", action="store_true", help="delete it all")
    options = parser.parse_args(arguments)
    if not options.remove and not PACKAGE.is_file():
        parser.error("there is no dist/function.zip; run `make zip` first")
    import boto3

    session = boto3.Session(region_name=options.region)
    clients = {"lambda_client": session.client("lambda"), "iam_client": session.client("iam")}
    if options.remove:
        remove(options.name, **clients)
    else:
        sys.stdout.write(deploy(options.name, function_zip(), **clients) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
