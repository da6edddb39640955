"""Who may call a stack: users of Cognito at API Gateway, or whoever has a token of an issuer."""

import json
from typing import Any

import pytest

from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import refusal, run_program

KEY = {"openaiApiKey": "sk-secret"}
POOL = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{REGION}_Ab1Cd2Ef3"
ISSUER = "https://tenant.auth0.com/"
COGNITO: dict[str, object] = {
    "frontDoor": "apiGateway",
    "auth": "COGNITO",
    "cognitoUserPoolArns": [POOL],
}
_OTHER_ORIGIN = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}


def _variables(cloud: Cloud) -> dict[str, str]:
    function = cloud.client("lambda").get_function(FunctionName="deltaline-dev")["Configuration"]
    found: dict[str, str] = function["Environment"]["Variables"]
    return found


def _methods(cloud: Cloud) -> dict[tuple[str, str], Any]:
    client = cloud.client("apigateway")
    (api,) = client.get_rest_apis()["items"]
    return {
        (resource["path"], verb): client.get_method(
            restApiId=api["id"], resourceId=resource["id"], httpMethod=verb
        )
        for resource in client.get_resources(restApiId=api["id"])["items"]
        for verb in resource["resourceMethods"]
    }


def test_api_gateway_asks_cognito_for_everything_but_preflights(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, {"dockerfile": dockerfile, **COGNITO}, secrets=KEY)

    client = cloud.client("apigateway")
    (api,) = client.get_rest_apis()["items"]
    (authorizer,) = client.get_authorizers(restApiId=api["id"])["items"]
    assert authorizer["type"] == "COGNITO_USER_POOLS"
    assert authorizer["providerARNs"] == [POOL]
    assert authorizer["identitySource"] == "method.request.header.Authorization"
    asked = {
        place: (found["authorizationType"], found.get("authorizerId"))
        for place, found in _methods(cloud).items()
    }
    assert asked == {
        ("/", "ANY"): ("COGNITO_USER_POOLS", authorizer["id"]),
        ("/{proxy+}", "ANY"): ("COGNITO_USER_POOLS", authorizer["id"]),
        ("/", "OPTIONS"): ("NONE", None),
        ("/{proxy+}", "OPTIONS"): ("NONE", None),
    }
    # Of scopes only access tokens would count, whose claims do not say for whom they are.
    assert not any("authorizationScopes" in found for found in _methods(cloud).values())


def test_what_api_gateway_refuses_can_be_read_by_pages_that_may_call(
    cloud: Cloud, dockerfile: str
) -> None:
    config = {"dockerfile": dockerfile, **COGNITO, "allowedOrigins": ["https://chat.example.com"]}

    run_program(cloud, config, secrets=KEY)

    client = cloud.client("apigateway")
    (api,) = client.get_rest_apis()["items"]
    found = client.get_gateway_responses(restApiId=api["id"])["items"]
    assert {one["responseType"]: one["responseParameters"] for one in found} == {
        "DEFAULT_4XX": _OTHER_ORIGIN,
        "DEFAULT_5XX": _OTHER_ORIGIN,
    }
    types = [made.type for made in cloud.made]
    assert types.index("aws:apigateway/response:Response") < types.index(
        "aws:apigateway/deployment:Deployment"
    )


def test_without_other_origins_nobody_may_read_them(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile, **COGNITO}, secrets=KEY)

    assert not cloud.of_type("aws:apigateway/response:Response")


@pytest.mark.parametrize(
    "change",
    [
        {"cognitoUserPoolArns": [f"{POOL}x"]},
        {"allowedOrigins": ["https://chat.example.com"]},
        {"auth": "AWS_IAM", "cognitoUserPoolArns": []},
    ],
    ids=str,
)
def test_every_change_of_who_may_call_is_deployed(
    cloud: Cloud, dockerfile: str, change: dict[str, object]
) -> None:
    first = {"dockerfile": dockerfile, **COGNITO}
    run_program(cloud, first, secrets=KEY)
    run_program(cloud, {**first, **change}, secrets=KEY, stack="other")

    before, after = (
        made.inputs["triggers"] for made in cloud.of_type("aws:apigateway/deployment:Deployment")
    )
    assert before != after


def test_who_is_let_in_by_cognito_is_no_stranger(cloud: Cloud, dockerfile: str) -> None:
    stack = run_program(cloud, {"dockerfile": dockerfile, **COGNITO}, secrets=KEY)

    assert "CHAT_MAX_OUTPUT_TOKENS" not in _variables(cloud)
    assert '-H "authorization: Bearer $ID_TOKEN"' in stack.outputs["curl"]


def test_the_function_knows_whose_tokens_count(
    cloud: Cloud, dockerfile: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = {
        "dockerfile": dockerfile,
        "jwtIssuer": ISSUER,
        "jwtAudience": "https://chat.example.com/api,other",
        "jwtJwksUrl": f"{ISSUER}.well-known/jwks.json",
    }

    stack = run_program(cloud, config, secrets=KEY)

    jwt = {name: value for name, value in _variables(cloud).items() if "JWT" in name}
    assert jwt == {
        "CHAT_JWT_ISSUER": ISSUER,
        "CHAT_JWT_AUDIENCE": "https://chat.example.com/api,other",
        "CHAT_JWT_JWKS_URL": f"{ISSUER}.well-known/jwks.json",
    }
    # Strangers reach the function, which refuses them.
    assert _variables(cloud)["CHAT_MAX_OUTPUT_TOKENS"] == "4096"
    assert '-H "x-chat-token: $TOKEN"' in stack.outputs["curl"]
    assert "Anyone who has the URL" not in caplog.text


def test_the_app_takes_what_the_program_takes(
    cloud: Cloud, dockerfile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.main import create_app
    from app.settings import load_settings

    config = {"dockerfile": dockerfile, "jwtIssuer": ISSUER, "jwtAudience": "chat"}
    run_program(cloud, config, secrets={**KEY, "authToken": "let-me-in"})

    for name, value in _variables(cloud).items():
        if "JWT" in name:
            monkeypatch.setenv(name, value)
    create_app(load_settings())


@pytest.mark.parametrize(
    ("config", "secrets", "sentence"),
    [
        (
            {"auth": "COGNITO", "cognitoUserPoolArns": [POOL]},
            {},
            (
                "Only API Gateway asks Cognito, so auth COGNITO needs frontDoor apiGateway; with "
                "others, set jwtIssuer to the user pool's issuer."
            ),
        ),
        (
            {"auth": "COGNITO", "frontDoor": "apiGateway"},
            {},
            "auth COGNITO needs cognitoUserPoolArns: whose users may call.",
        ),
        (
            {"auth": "AWS_IAM", "cognitoUserPoolArns": [POOL]},
            {},
            "cognitoUserPoolArns is for auth COGNITO; set both or none.",
        ),
        (
            {**COGNITO, "cognitoUserPoolArns": ["eu-west-1_Ab1"]},
            {},
            "cognitoUserPoolArns must hold the ARNs of Cognito user pools, not 'eu-west-1_Ab1'.",
        ),
        (
            COGNITO,
            {"authToken": "let-me-in"},
            (
                "With auth COGNITO the function believes API Gateway and sees no other token; take "
                "authToken and jwtIssuer away."
            ),
        ),
        (
            {"jwtIssuer": ISSUER},
            {},
            "jwtIssuer needs jwtAudience, or its tokens for other applications would count too.",
        ),
        (
            {"jwtAudience": "chat", "auth": "AWS_IAM"},
            {},
            "jwtAudience has no issuer: set jwtIssuer too.",
        ),
        (
            {"jwtJwksUrl": "https://x/k", "auth": "AWS_IAM"},
            {},
            "jwtJwksUrl has no issuer: set jwtIssuer too.",
        ),
        (
            {"jwtIssuer": ISSUER, "jwtAudience": "chat", "jwtJwksUrl": "http://x/k"},
            {},
            "jwtJwksUrl must be an https:// address, not 'http://x/k'.",
        ),
        (
            {"jwtIssuer": "tenant", "jwtAudience": "chat"},
            {},
            (
                "jwtIssuer must be an https:// address, not 'tenant', or jwtJwksUrl must say where "
                "its keys are."
            ),
        ),
        (
            {"environment": [f"CHAT_JWT_ISSUER={ISSUER}"]},
            {"authToken": "let-me-in"},
            "environment must not set CHAT_JWT_ISSUER; set jwtIssuer instead.",
        ),
        (
            {"environment": ["CHAT_TRUSTED_USER_HEADER=x-user"]},
            {"authToken": "let-me-in"},
            (
                "environment must not set CHAT_TRUSTED_USER_HEADER, which every caller could send; "
                "with auth AWS_IAM only who may sign can, such as a proxy of yours."
            ),
        ),
    ],
)
def test_what_would_let_in_the_wrong_ones_is_refused(
    cloud: Cloud,
    dockerfile: str,
    config: dict[str, object],
    secrets: dict[str, str],
    sentence: str,
) -> None:
    found = refusal(cloud, {"dockerfile": dockerfile, **config}, secrets={**KEY, **secrets})

    assert found == sentence


def test_who_may_sign_may_say_for_whom(cloud: Cloud, dockerfile: str) -> None:
    environment = ["CHAT_TRUSTED_USER_HEADER=x-user"]
    config = {"dockerfile": dockerfile, "auth": "AWS_IAM", "environment": environment}

    run_program(cloud, config, secrets=KEY)

    assert _variables(cloud)["CHAT_TRUSTED_USER_HEADER"] == "x-user"


def test_only_what_is_needed_is_in_the_policy_of_the_function(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, {"dockerfile": dockerfile, **COGNITO}, secrets=KEY)

    policy = cloud.client("iam").get_role_policy(RoleName="deltaline-dev", PolicyName="function")
    assert "cognito" not in json.dumps(policy["PolicyDocument"])
