"""Pulumi's mocks that make every resource for real, in a moto server, through the AWS SDK.

What the program asks for is checked against botocore's service models on the way. Nothing here
knows what the program should do: it does what a provider would.
"""

import base64
from dataclasses import dataclass, field

from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

from tests.infra import (
    make_front_doors,
    make_functions,
    make_monitoring,
    make_rest_apis,
    make_secrets,
)
from tests.infra.aws_api import REGION, Aws, State
from tests.infra.marks import is_marked, plain

_MAKERS = {
    **make_functions.MAKERS,
    **make_secrets.MAKERS,
    **make_monitoring.MAKERS,
    **make_front_doors.MAKERS,
    **make_rest_apis.MAKERS,
}

# To which Pulumi gives a name, if the program does not.
_NAMED_BY_PULUMI = frozenset({"aws:iam/role:Role"})


@dataclass(frozen=True)
class Made:
    """One resource: its inputs as the program gave them, without the marks of secrets."""

    type: str
    name: str
    inputs: State
    secrets: frozenset[str]


@dataclass
class Cloud(Aws, Mocks):
    """The provider of all resources.

    Attributes:
        made: all resources, in the order in which they were made.
        concurrency_quota: how many functions of the account may run at once; ``None``: whoever
            deploys may not ask. moto knows no quotas of Lambda.
    """

    made: list[Made] = field(default_factory=list)
    concurrency_quota: int | None = 1000

    def of_type(self, type_: str) -> list[Made]:
        return [made for made in self.made if made.type == type_]

    def one(self, type_: str) -> Made:
        (made,) = self.of_type(type_)
        return made

    def call(self, args: MockCallArgs) -> tuple[State, list[tuple[str, str]]]:
        if args.token == "aws:servicequotas/getServiceQuota:getServiceQuota":
            return self._quota(args.args)
        return self._call(args), []

    def _call(self, args: MockCallArgs) -> State:
        match args.token:
            case "aws:index/getRegion:getRegion":
                return {"region": REGION, "id": REGION, "name": REGION}
            case "aws:index/getCallerIdentity:getCallerIdentity":
                return {"accountId": self.client("sts").get_caller_identity()["Account"]}
            case "aws:ecr/getAuthorizationToken:getAuthorizationToken":
                answer = self.client("ecr").get_authorization_token()["authorizationData"][0]
                user, _, password = (
                    base64.b64decode(answer["authorizationToken"]).decode().partition(":")
                )
                return {"userName": user, "password": password}
        raise NotImplementedError(args.token)

    def _quota(self, asked: State) -> tuple[State, list[tuple[str, str]]]:
        request = {"ServiceCode": asked["serviceCode"], "QuotaCode": asked["quotaCode"]}
        self.check("service-quotas", "GetServiceQuota", **request)
        assert request == {"ServiceCode": "lambda", "QuotaCode": "L-B99A9384"}
        if self.concurrency_quota is None:
            return {}, [("", "AccessDeniedException: not authorized to GetServiceQuota")]
        return {"value": self.concurrency_quota, "quotaName": "Concurrent executions"}, []

    def new_resource(self, args: MockResourceArgs) -> tuple[str, State]:
        inputs = plain(args.inputs)
        if args.typ in _NAMED_BY_PULUMI and "name" not in inputs:
            inputs["name"] = f"{args.name}-0a1b2c3"
        secrets = frozenset(name for name, value in args.inputs.items() if is_marked(value))
        self.made.append(Made(args.typ, args.name, inputs, secrets))
        if not args.custom:
            return args.name, args.inputs
        id_, outputs = _MAKERS[args.typ](self, inputs)
        named = {"name": inputs["name"]} if args.typ in _NAMED_BY_PULUMI else {}
        return id_, {**args.inputs, **named, **outputs}
