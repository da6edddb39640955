"""The options of one emulator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.emulator.cors import Cors

DEFAULT_FUNCTION = "function"
REGION = "us-east-1"
ACCOUNT_ID = "012345678912"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How one emulator behaves.

    Attributes:
        command: the runtime, started once the extensions have registered.
        handlers: function name → value of ``_HANDLER``; a function of any other name runs
            ``command`` without one.
        extensions: executables that every environment starts first.
        variables: environment variables of the functions; Lambda's own are added.
        timeout_s: the longest an invocation may take; Lambda allows 1 to 900.
        init_timeout_s: the longest an environment may take to get ready; 10 on Lambda.
        memory_mb: memory limit of one environment, in MB (2**20 bytes).
        concurrency: the most environments of one function at a time.
        raw_invoke: `…/invocations` leaves the prelude in the body, as Lambda does.
        buffered: no address streams; every response is sent once it is complete.
        bandwidth: responses stream no faster than on Lambda.
        watch: folder whose changes make the next invocation start a new environment.
        cors: CORS configuration of the Function URL.
        auth_token: asked for by the invoke addresses; ``None`` for none.
        host: address of the public port.
        port: number of the public port; 0 chooses a free one.
    """

    command: tuple[str, ...]
    handlers: Mapping[str, str] = field(default_factory=dict)
    extensions: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0
    init_timeout_s: float = 10.0
    memory_mb: int = 1024
    concurrency: int = 10
    raw_invoke: bool = False
    buffered: bool = False
    bandwidth: bool = False
    watch: Path | None = None
    cors: Cors | None = None
    auth_token: str | None = None
    host: str = "127.0.0.1"
    port: int = 9000

    def function_arn(self, name: str) -> str:
        """Return the ARN that Lambda would give the function."""
        region = self.variables.get("AWS_REGION", REGION)
        return f"arn:aws:lambda:{region}:{ACCOUNT_ID}:function:{name}"


def setting(variables: Mapping[str, str], name: str) -> str:
    """Return the variable that the app reads as its setting ``name``, in whatever case it is."""
    values = (value.strip() for key, value in variables.items() if key.upper() == name)
    return next(filter(None, values), "")
