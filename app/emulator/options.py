"""What the emulator is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.emulator.cors import Cors

DEFAULT_FUNCTION = "function"
REGION = "us-east-1"
ACCOUNT_ID = "012345678912"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One emulated Lambda.

    Attributes:
        command: what an environment runs after its extensions.
        handlers: function name → value of ``_HANDLER``; any other name runs ``command`` as it is.
        extensions: executables that every environment starts first.
        variables: environment variables of the functions, before Lambda's own are set.
        timeout_s: how long one invocation may take, 1 to 900 on Lambda.
        init_timeout_s: how long an environment has to get ready (10 on Lambda).
        memory_mb: memory limit of one environment, in MB (2**20 bytes).
        concurrency: most environments of one function at a time.
        raw_invoke: `…/invocations` leaves the prelude in the answer, as Lambda does.
        buffered: no front streams: the answer is sent once it is complete.
        bandwidth: answers stream no faster than on Lambda.
        watch: folder whose changes restart the environments.
        cors: CORS configuration of the Function URL.
        port: 0 chooses a free one.
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
    host: str = "127.0.0.1"
    port: int = 9000

    def function_arn(self, name: str) -> str:
        """Return the ARN that Lambda would give the function."""
        region = self.variables.get("AWS_REGION", REGION)
        return f"arn:aws:lambda:{region}:{ACCOUNT_ID}:function:{name}"
