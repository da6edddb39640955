"""The environment variables of a function.

Source: AWS's page "Using Lambda environment variables", section "Defined runtime environment
variables".
"""

import os
import re
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from app.emulator.options import REGION, Options

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
# Each of these leads to real credentials, which made-up ones would hide.
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SHARED_CREDENTIALS_FILE",
)


class EnvFileError(ValueError):
    """A line of an environment file cannot be read."""


def parse_env_file(text: str) -> dict[str, str]:
    """Read ``NAME=value`` lines, which may have ``#`` comments, ``export`` and quotes.

    Nothing is expanded. In double quotes a backslash escapes as usual (``\\n``, ``\\t``, ``\\r``, a
    quote, itself); without quotes a value ends before `` #``.

    Raises:
        EnvFileError: says which line.
    """
    variables: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise EnvFileError(f"line {number} is not NAME=value")
        variables[match[1]] = _value(match[2], number)
    return variables


def _value(raw: str, number: int) -> str:
    if raw[:1] not in ("'", '"'):
        return re.sub(r"(^|\s+)#.*", "", raw)
    quoted = re.fullmatch(r"""'([^']*)'(?:\s+#.*)?|"((?:[^"\\]|\\.)*)"(?:\s+#.*)?""", raw)
    if quoted is None:
        raise EnvFileError(f"line {number} has a quote that does not end")
    if quoted[1] is not None:
        return quoted[1]
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), quoted[2])


def environment_variables(
    options: Options, name: str, *, runtime_api: str, app_port: int
) -> dict[str, str]:
    """Return all variables for one environment of the function ``name``.

    Args:
        runtime_api: ``host:port`` of the environment's Runtime API.
        app_port: a free port, on which the Lambda Web Adapter expects the web app.
    """
    own = dict(options.variables)
    # `bootstrap` runs `python3`: this interpreter's, even if its virtual environment is not active.
    search_path = own.get("PATH", os.defpath)
    variables = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        **own,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{search_path}",
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(options.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}",
        "AWS_REGION": own.get("AWS_REGION", REGION),
        "AWS_DEFAULT_REGION": own.get("AWS_REGION", REGION),
        "LAMBDA_TASK_ROOT": os.getcwd(),
        "AWS_LWA_PORT": str(app_port),
        # For web apps that do not read the adapter's variable. The `PORT` of the emulator's own
        # environment is the public port.
        "PORT": str(app_port),
    }
    if name in options.handlers:
        variables["_HANDLER"] = options.handlers[name]
    if not has_credentials(own):
        variables |= {"AWS_ACCESS_KEY_ID": "emulated", "AWS_SECRET_ACCESS_KEY": "emulated"}
        variables |= {"AWS_SESSION_TOKEN": "emulated"}
    return variables


def has_credentials(variables: Mapping[str, str]) -> bool:
    """Return whether the AWS SDKs would find credentials with these variables."""
    home = Path(variables.get("HOME", "/nonexistent"))
    shared = (home / ".aws" / "credentials", home / ".aws" / "config")
    return any(variables.get(key) for key in _CREDENTIALS) or any(path.exists() for path in shared)
