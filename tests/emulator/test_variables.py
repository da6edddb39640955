"""The environment variables of a function, and the files they may come from."""

import os
import re

import pytest

from app.emulator.variables import EnvFileError, parse_env_file
from tests.emulator.emulation import (
    INVOKE,
    emulator,
    post,
    report_of,
)


def test_an_env_file_is_read_as_people_write_it() -> None:
    text = """
# a comment
PLAIN=value with spaces # and a comment
export EXPORTED=1
EMPTY=
HASH=a#b
SINGLE='as $IT is # here'   # comment
DOUBLE="two\\nlines, \\"quoted\\""
"""

    assert parse_env_file(text) == {
        "PLAIN": "value with spaces",
        "EXPORTED": "1",
        "EMPTY": "",
        "HASH": "a#b",
        "SINGLE": "as $IT is # here",
        "DOUBLE": 'two\nlines, "quoted"',
    }


@pytest.mark.parametrize("line", ["A='open", 'A="open', "1A=b", "A"])
def test_a_line_that_is_no_variable_is_refused(line: str) -> None:
    with pytest.raises(EnvFileError, match="line 1"):
        parse_env_file(line)


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_a_function_has_lambdas_environment_variables() -> None:
    variables = {"PORT": "9000", "AWS_REGION": "eu-north-1", "MINE": "1", "HOME": "/nonexistent"}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        variables[name] = ""
    variables["AWS_REGION"] = "eu-north-1"
    async with emulator(memory_mb=300, variables=variables) as running:
        environ = report_of(await post(running, INVOKE, {"do": "report"}))["environ"]

    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == "function"
    assert environ["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "300"
    assert environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert environ["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/function"
    assert re.fullmatch(
        r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", environ["AWS_LAMBDA_LOG_STREAM_NAME"]
    )
    assert environ["AWS_REGION"] == environ["AWS_DEFAULT_REGION"] == "eu-north-1"
    assert environ["AWS_ACCESS_KEY_ID"] == "emulated"
    assert environ["LAMBDA_TASK_ROOT"] == os.getcwd()
    assert environ["TZ"] == ":UTC"
    assert environ["MINE"] == "1"
    # The port outside is the emulator's: a web app that follows PORT gets one of its own.
    assert environ["PORT"] == environ["AWS_LWA_PORT"] != "9000"


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_real_credentials_are_left_alone() -> None:
    variables = {"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": ""}
    async with emulator(variables=variables) as running:
        environ = report_of(await post(running, INVOKE, {"do": "report"}))["environ"]

    assert environ["AWS_PROFILE"] == "mine"
    assert environ["AWS_ACCESS_KEY_ID"] == ""
