"""The resources of a stack in Terraform's JSON, whose AWS provider Pulumi's is made from."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.infra.aws_api import State
from tests.infra.cloud import Made

_PROVIDER = "registry.terraform.io/hashicorp/aws"
# Where distributions and people put providers that are not downloaded.
_MIRRORS = (
    *("usr/share/terraform/*", "usr/local/share/terraform/*", "opt/*"),
    str(Path.home() / ".terraform.d" / "*").lstrip("/"),
)

# Pulumi's type → Terraform's, and the names that differ by more than their spelling.
_TYPES: dict[str, tuple[str, dict[str, str]]] = {
    "aws:iam/role:Role": ("aws_iam_role", {}),
    "aws:iam/rolePolicy:RolePolicy": ("aws_iam_role_policy", {}),
    "aws:cloudwatch/logGroup:LogGroup": ("aws_cloudwatch_log_group", {}),
    "aws:ecr/repository:Repository": ("aws_ecr_repository", {}),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": ("aws_ecr_lifecycle_policy", {}),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("aws_iam_role_policy_attachment", {}),
    "aws:lambda/function:Function": (
        "aws_lambda_function",
        {"name": "function_name", "code": "filename"},
    ),
    "aws:lambda/functionUrl:FunctionUrl": ("aws_lambda_function_url", {}),
    "aws:lambda/permission:Permission": (
        "aws_lambda_permission",
        {"function": "function_name"},
    ),
    "aws:ssm/parameter:Parameter": ("aws_ssm_parameter", {}),
    "aws:secretsmanager/secret:Secret": ("aws_secretsmanager_secret", {}),
    "aws:secretsmanager/secretVersion:SecretVersion": ("aws_secretsmanager_secret_version", {}),
    "aws:sns/topic:Topic": ("aws_sns_topic", {}),
    "aws:sns/topicSubscription:TopicSubscription": (
        "aws_sns_topic_subscription",
        {"topic": "topic_arn"},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (
        "aws_cloudwatch_metric_alarm",
        {"name": "alarm_name"},
    ),
    "aws:budgets/budget:Budget": ("aws_budgets_budget", {"notifications": "notification"}),
    "aws:cloudwatch/dashboard:Dashboard": ("aws_cloudwatch_dashboard", {}),
    "aws:s3/bucket:Bucket": ("aws_s3_bucket", {}),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        "aws_s3_bucket_public_access_block",
        {},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": ("aws_s3_bucket_policy", {}),
    "aws:s3/bucketObjectv2:BucketObjectv2": ("aws_s3_object", {}),
    "aws:cloudfront/originAccessControl:OriginAccessControl": (
        "aws_cloudfront_origin_access_control",
        {},
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": (
        "aws_cloudfront_response_headers_policy",
        {},
    ),
    "aws:cloudfront/distribution:Distribution": (
        "aws_cloudfront_distribution",
        {"origins": "origin", "orderedCacheBehaviors": "ordered_cache_behavior"},
    ),
    "aws:wafv2/webAcl:WebAcl": (
        "aws_wafv2_web_acl",
        {"rules": "rule"},
    ),
    "aws:apigateway/restApi:RestApi": ("aws_api_gateway_rest_api", {}),
    "aws:apigateway/resource:Resource": (
        "aws_api_gateway_resource",
        {"restApi": "rest_api_id"},
    ),
    "aws:apigateway/method:Method": ("aws_api_gateway_method", {"restApi": "rest_api_id"}),
    "aws:apigateway/integration:Integration": (
        "aws_api_gateway_integration",
        {"restApi": "rest_api_id"},
    ),
    "aws:apigateway/deployment:Deployment": (
        "aws_api_gateway_deployment",
        {"restApi": "rest_api_id"},
    ),
    "aws:apigateway/stage:Stage": (
        "aws_api_gateway_stage",
        {"restApi": "rest_api_id", "deployment": "deployment_id"},
    ),
    "aws:apigateway/methodSettings:MethodSettings": (
        "aws_api_gateway_method_settings",
        {"restApi": "rest_api_id"},
    ),
    "aws:apigateway/account:Account": ("aws_api_gateway_account", {}),
    "aws:apigateway/authorizer:Authorizer": (
        "aws_api_gateway_authorizer",
        {"restApi": "rest_api_id"},
    ),
    "aws:apigateway/response:Response": ("aws_api_gateway_gateway_response", {}),
    "aws:dynamodb/table:Table": ("aws_dynamodb_table", {"attributes": "attribute"}),
}
# Keys of these are the user's own.
_MAPS = frozenset({"tags", "variables", "triggers", "dimensions", "responseParameters"})
# Younger than version 5 of the provider; with it, what is only right together with them.
_YOUNG = frozenset({"invokedViaFunctionUrl", "responseTransferMode", "region"})
# Blocks within blocks that Pulumi calls by their plural.
_SINGULAR = {"ruleActionOverrides": "rule_action_override"}


def find_terraform() -> tuple[str, Path] | None:
    """Return the program and the folder of its providers, if both are on this machine."""
    program = shutil.which("terraform")
    folders = (
        folder
        for pattern in _MIRRORS
        for folder in sorted(Path("/").glob(pattern))
        if (folder / _PROVIDER).is_dir()
    )
    folder = next(folders, None)
    return None if program is None or folder is None else (program, folder)


def as_terraform(made: Sequence[Made]) -> State:
    """Return the document that asks for the same resources."""
    resources: dict[str, dict[str, State]] = {}
    for number, resource in enumerate(made):
        if resource.type not in _TYPES:
            assert not resource.type.startswith("aws:"), resource.type
            continue
        type_, renamed = _TYPES[resource.type]
        name = re.sub(r"\W", "-", f"{resource.name}-{number}")
        resources.setdefault(type_, {})[name] = _block(resource.inputs, renamed)
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {"aws": {"region": "eu-west-1"}},
        "resource": resources,
    }


def _block(inputs: State, renamed: dict[str, str]) -> State:
    block: State = {}
    for key, value in inputs.items():
        if key in _YOUNG:
            continue
        name = renamed.get(key) or re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower()
        block[name] = value if key in _MAPS else _value(key, value)
    if "timeout_milliseconds" in block:
        # Only where responses stream may it be longer than this.
        block["timeout_milliseconds"] = min(block["timeout_milliseconds"], 29_000)
    return block


def _value(key: str, value: Any) -> Any:
    if key == "types" and isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return _block(value, _SINGULAR)
    if isinstance(value, list):
        return [_value("", item) for item in value]
    return getattr(value, "path", value)


def validate(terraform: tuple[str, Path], folder: Path, document: State) -> list[str]:
    """Return what ``terraform validate`` has to say against the document, each with its place."""
    program, providers = terraform
    (folder / "main.tf.json").write_text(json.dumps(document))
    environment = {name: v for name, v in os.environ.items() if not name.startswith("TF_")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    made_ready = run("init", "-backend=false", "-input=false", f"-plugin-dir={providers}")
    assert made_ready.returncode == 0, made_ready.stderr
    answer = json.loads(run("validate", "-json").stdout)
    return [
        f"{found['snippet']['context']}: {found['summary']} {found.get('detail', '')}"
        for found in answer["diagnostics"]
        if found["severity"] == "error"
    ]
