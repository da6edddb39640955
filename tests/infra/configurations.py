"""Every way to configure how a stack is packaged, reached and asked, and where its secrets are."""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.infra.aws_api import ACCOUNT, REGION, State
from tests.infra.cloud import Cloud, Made
from tests.infra.deploying import run_program
from tests.infra.engine import Stack
from tests.infra.files import Files
from tests.infra.marks import plain, secret

_KEYS = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}


class Configuration(NamedTuple):
    """What of a stack's configuration decides which resources there are."""

    front_door: str
    packaging: str
    auth: str
    secret_store: str

    def change(self, other: "Configuration") -> Mapping[str, tuple[str, str]]:
        """Return the fields in which another one differs, each with both of its values."""
        fields = zip(self._fields, self, other, strict=True)
        return {name: (here, there) for name, here, there in fields if here != there}


def _all() -> Iterator[Configuration]:
    for values in itertools.product(
        ("url", "cloudfront", "apiGateway"),
        ("image", "zip"),
        ("NONE", "AWS_IAM"),
        ("ssm", "secretsManager"),
    ):
        configuration = Configuration(*values)
        # CloudFront itself signs what it sends, and the program refuses these.
        if (configuration.front_door, configuration.auth) != ("cloudfront", "AWS_IAM"):
            yield configuration


ALL: Sequence[Configuration] = tuple(_all())


@dataclass
class _Paper(Cloud):
    """A cloud that makes nothing, at once: every resource has whatever anybody asks of it."""

    def call(self, token: str, asked: State) -> tuple[State, list[tuple[str, str]]]:
        if token == "aws:index/getCallerIdentity:getCallerIdentity":
            return {"accountId": ACCOUNT}, []
        if token == "aws:ecr/getAuthorizationToken:getAuthorizationToken":
            return {"userName": "AWS", "password": "secret"}, []
        return super().call(token, asked)

    def make(self, type_: str, name: str, given: State, *, is_component: bool) -> tuple[str, State]:
        inputs = plain(given)
        self.made.append(Made(type_, name, inputs, frozenset()))
        kind = type_.rpartition(":")[2]
        outputs = {
            # With the fields that the program looks for in an ARN.
            "arn": f"arn:aws:{kind}:{REGION}:{ACCOUNT}:{name}",
            "secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}",
            "functionUrl": f"https://{name}.lambda-url.{REGION}.on.aws/",
            "repositoryUrl": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}",
            "result": secret("0123456789abcdef" * 4),
            **{
                output: f"{output} of {kind} {name}"
                for output in (
                    *("invokeArn", "responseStreamingInvokeArn", "registryId", "digest", "ref"),
                    *("bucketRegionalDomainName", "domainName", "rootResourceId", "invokeUrl"),
                    *("executionArn", "path", "statementId", "contextHash"),
                )
            },
        }
        return f"{kind}-{name}", {**outputs, **given}


@functools.cache
def stack_of(configuration: Configuration, files: Files) -> Stack:
    """Return what the program asks for."""
    config = {
        "frontDoor": configuration.front_door,
        "packaging": configuration.packaging,
        "auth": configuration.auth,
        "secretStore": configuration.secret_store,
        "dockerfile": files.dockerfile,
        "zipFile": files.package,
        "webDir": files.page,
    }
    return on_paper(config, _KEYS)


def on_paper(config: Mapping[str, object], secrets: Mapping[str, str]) -> Stack:
    """Return what the program asks for, without making it."""
    return run_program(_Paper("http://paper.invalid"), config, secrets=secrets).stack


def stacks(files: Files) -> Mapping[Configuration, Stack]:
    return {configuration: stack_of(configuration, files) for configuration in ALL}
