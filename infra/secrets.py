"""A secret that the app reads at its start, in SSM or in Secrets Manager.

Outside these stores it is only in Pulumi's state, encrypted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.policies import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSecretArgs:
    """
    Args:
        name: such as ``deltaline-dev/openai-api-key``.
        value: marked as a secret.
        store: ``ssm`` or ``secretsManager``.
    """

    name: str
    description: str
    value: pulumi.Output[str]
    store: str
    tags: Mapping[str, str]


class StoredSecret(pulumi.ComponentResource):
    """One secret.

    Attributes:
        arn: given to the app, which reads the secret itself.
    """

    arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: StoredSecretArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:StoredSecret", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        if args.store == "ssm":
            parameter = aws.ssm.Parameter(
                name,
                name=f"/{args.name}",
                description=args.description,
                type=aws.ssm.ParameterType.SECURE_STRING,
                value=args.value,
                tags=args.tags,
                opts=child,
            )
            self.arn = parameter.arn
        else:
            secret = aws.secretsmanager.Secret(
                name,
                name=args.name,
                description=args.description,
                # So that a destroyed stack can be created again at once, under the same names.
                recovery_window_in_days=0,
                tags=args.tags,
                opts=child,
            )
            version = aws.secretsmanager.SecretVersion(
                name, secret_id=secret.id, secret_string=args.value, opts=child
            )
            # From the version, so that whatever uses the ARN waits until the secret has a value.
            self.arn = version.secret_arn
        self.register_outputs({"arn": self.arn})


def read_secret(arn: pulumi.Input[str], store: str) -> Statement:
    """Allow reading this one secret."""
    action = "ssm:GetParameter" if store == "ssm" else "secretsmanager:GetSecretValue"
    return Statement(actions=[action], resources=[arn])


def store_of(arn: str) -> str:
    """Return the store of a secret from its ARN."""
    return "ssm" if arn.split(":")[2] == "ssm" else "secretsManager"


def decrypt_secret(kms_key_arn: str, secret_arn: str) -> Statement:
    """Allow decrypting with a customer's own key, and only for the store of the secret.

    AWS's own keys need no such statement: their policies admit everybody in the account who may
    read the secret.
    """
    _, _, service, region, *_ = secret_arn.split(":")
    return Statement(
        actions=["kms:Decrypt"],
        resources=[kms_key_arn],
        conditions={"StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com"}},
    )
