"""The functions of ``examples/`` and one tool, each as a function of its own, to try streaming out.

They run on our own runtime, so they are always packaged as a zip file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra.environment import package_environment
from infra.function import StreamingFunction, StreamingFunctionArgs, ZipPackage
from infra.function_url import StreamingUrl, StreamingUrlArgs

# Name of the function, description, handler, time limit in seconds.
_HANDLERS = (
    ("words", "Streams a sentence word by word", "examples.words.handler", 60),
    ("happy-path", "Streams and ends", "examples.outcomes.happy_path", 10),
    ("midstream-error", "Fails while it streams", "examples.outcomes.midstream_error", 10),
    ("timeout", "Takes longer than it may", "examples.outcomes.timeout", 3),
)
_TOOL = "slow_process"
_TOOL_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleFunctionsArgs:
    """
    Args:
        name: prefix of the functions' names.
        zip_path: the zip file that ``make zip`` builds.
    """

    name: str
    zip_path: Path
    architecture: str
    memory_mb: int
    log_retention_days: int
    tags: Mapping[str, str]


class ExampleFunctions(pulumi.ComponentResource):
    """Four functions to invoke through the AWS SDK, and a tool behind a URL for signed requests.

    Attributes:
        names: of the functions to invoke.
        tool_url: of the tool; its callers have to sign (``AWS_IAM``).
    """

    names: list[pulumi.Output[str]]
    tool_url: pulumi.Output[str]

    def __init__(
        self, name: str, args: ExampleFunctionsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:ExampleFunctions", name, None, opts)
        self._args = args
        self.names = [
            self._function(short, what, handler=handler, timeout_s=timeout_s).function.name
            for short, what, handler, timeout_s in _HANDLERS
        ]
        tool = self._function(
            "slow-process",
            "A tool that reports while it works",
            timeout_s=_TOOL_TIMEOUT_S,
            environment={"CHAT_TOOLS": _TOOL, "CHAT_DEFAULT_TOOL": _TOOL},
        )
        tool_url = StreamingUrl(
            f"{name}-tool",
            StreamingUrlArgs(function_name=tool.function.name, auth="AWS_IAM"),
            pulumi.ResourceOptions(parent=self),
        )
        self.tool_url = tool_url.url
        self.register_outputs({"names": self.names, "tool_url": self.tool_url})

    def _function(
        self,
        short: str,
        description: str,
        *,
        timeout_s: int,
        handler: str = "app.main.create_lean_app",
        environment: Mapping[str, str] | None = None,
    ) -> StreamingFunction:
        args = self._args
        return StreamingFunction(
            short,
            StreamingFunctionArgs(
                name=f"{args.name}-{short}",
                description=f"Deltaline example: {description[:1].lower()}{description[1:]}",
                package=ZipPackage(args.zip_path, handler),
                architecture=args.architecture,
                memory_mb=args.memory_mb,
                timeout_s=timeout_s,
                log_retention_days=args.log_retention_days,
                environment={**package_environment("zip"), **(environment or {})},
                tags=args.tags,
            ),
            pulumi.ResourceOptions(parent=self),
        )
