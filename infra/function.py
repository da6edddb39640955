"""A Lambda function with its log group and its role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pulumi
import pulumi_aws as aws

from infra.policies import Statement, policy_document, service_trust, write_logs
from infra.vpc import VpcPlace, manage_interfaces


@dataclass(frozen=True, slots=True)
class ImagePackage:
    """A container image, by digest."""

    uri: pulumi.Input[str]


@dataclass(frozen=True, slots=True)
class ZipPackage:
    """A zip file that ``make zip`` has built.

    ``handler`` is a name that `app.lambda_runtime.handler_loading` can load.
    """

    path: Path
    handler: str = "app.main.create_lean_app"


Package: TypeAlias = ImagePackage | ZipPackage

# The version that `make zip` builds for.
_RUNTIME = aws.lambda_.Runtime.PYTHON3D13


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingFunctionArgs:
    """
    Args:
        name: of the function, the role and the log group.
        memory_mb: also decides the function's share of a CPU; 1769 is a whole one.
        reserved_concurrency: how many may run at once; -1: as many as the account allows.
        log_retention_days: how long logs are kept.
        allowed: what the function may do besides writing its log.
        vpc: where its connections come from; None: from Lambda's own network.
    """

    name: str
    description: str
    package: Package
    architecture: str
    memory_mb: int
    timeout_s: int
    log_retention_days: int
    environment: Mapping[str, pulumi.Input[str]]
    tags: Mapping[str, str]
    reserved_concurrency: int = -1
    allowed: Sequence[Statement] = ()
    vpc: VpcPlace | None = None


class StreamingFunction(pulumi.ComponentResource):
    """One function.

    Attributes:
        function: the Lambda function itself.
        log_group: of the function.
    """

    function: aws.lambda_.Function
    log_group: aws.cloudwatch.LogGroup

    def __init__(
        self, name: str, args: StreamingFunctionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:StreamingFunction", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # Before the function, whose first line would otherwise create a group without expiry.
        self.log_group = aws.cloudwatch.LogGroup(
            name,
            name=f"/aws/lambda/{args.name}",
            retention_in_days=args.log_retention_days,
            tags=args.tags,
            opts=child,
        )
        role = aws.iam.Role(
            name,
            name=args.name,
            description=f"What {args.name} may do",
            assume_role_policy=service_trust("lambda.amazonaws.com"),
            tags=args.tags,
            opts=child,
        )
        statements = [write_logs(self.log_group.arn), *args.allowed]
        if args.vpc is not None:
            statements += manage_interfaces(self.log_group.arn, args.name)
        policy = aws.iam.RolePolicy(
            name,
            name="function",
            role=role.name,
            policy=policy_document(statements),
            opts=child,
        )
        image = args.package if isinstance(args.package, ImagePackage) else None
        archive = args.package if isinstance(args.package, ZipPackage) else None
        self.function = aws.lambda_.Function(
            name,
            name=args.name,
            description=args.description,
            package_type="Image" if image else "Zip",
            image_uri=image.uri if image else None,
            code=pulumi.FileArchive(str(archive.path)) if archive else None,
            handler=archive.handler if archive else None,
            runtime=_RUNTIME if archive else None,
            architectures=[args.architecture],
            memory_size=args.memory_mb,
            timeout=args.timeout_s,
            reserved_concurrent_executions=args.reserved_concurrency,
            environment={"variables": args.environment},
            logging_config={"log_format": "Text", "log_group": self.log_group.name},
            role=role.arn,
            vpc_config=None if args.vpc is None else args.vpc.as_config(),
            tags=args.tags,
            # The policy too: without it, an early first call could not read the secret.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.log_group, policy]),
        )
        self.register_outputs({"name": self.function.name, "arn": self.function.arn})
