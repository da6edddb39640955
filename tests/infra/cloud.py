"""A cloud that makes every resource for real, in a moto server, through the AWS SDK.

What the program asks for is checked against botocore's service models on the way. Nothing here
knows what the program should do: it does what a provider would.
"""

import base64
from dataclasses import dataclass, field

from tests.infra.aws_api import REGION, Aws, State
from tests.infra.marks import is_marked, plain

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
class Cloud(Aws):
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

    def call(self, token: str, asked: State) -> tuple[State, list[tuple[str, str]]]:
        """Answer a data source of Pulumi's: what was found, and what failed."""
        match token:
            case "aws:index/getRegion:getRegion":
                return {"region": REGION, "id": REGION, "name": REGION}, []
            case "aws:index/getCallerIdentity:getCallerIdentity":
                return {"accountId": self.client("sts").get_caller_identity()["Account"]}, []
            case "aws:ecr/getAuthorizationToken:getAuthorizationToken":
                answer = self.client("ecr").get_authorization_token()["authorizationData"][0]
                user, _, password = (
                    base64.b64decode(answer["authorizationToken"]).decode().partition(":")
                )
                return {"userName": user, "password": password}, []
            case "aws:servicequotas/getServiceQuota:getServiceQuota":
                return self._quota(asked)
        raise NotImplementedError(token)

    def _quota(self, asked: State) -> tuple[State, list[tuple[str, str]]]:
        request = {"ServiceCode": asked["serviceCode"], "QuotaCode": asked["quotaCode"]}
        self.check("service-quotas", "GetServiceQuota", **request)
        assert request == {"ServiceCode": "lambda", "QuotaCode": "L-B99A9384"}
        if self.concurrency_quota is None:
            return {}, [("", "AccessDeniedException: not authorized to GetServiceQuota")]
        return {"value": self.concurrency_quota, "quotaName": "Concurrent executions"}, []

    def make(self, type_: str, name: str, given: State, *, is_component: bool) -> tuple[str, State]:
        """Make a resource; returns its id and its state."""
        inputs = plain(given)
        if type_ in _NAMED_BY_PULUMI and "name" not in inputs:
            given = {**given, "name": f"{name}-0a1b2c3"}
            inputs = plain(given)
        secrets = frozenset(key for key, value in given.items() if is_marked(value))
        self.made.append(Made(type_, name, inputs, secrets))
        if is_component:
            return name, given
        # Not above, since what makes things loads Pulumi.
        from tests.infra.makers import MAKERS

        id_, outputs = MAKERS[type_](self, inputs)
        return id_, {**given, **outputs}
