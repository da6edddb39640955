"""CloudFront and API Gateway, and the functions of the examples."""

import hashlib
import json
import re
from pathlib import Path

from app.http.page_headers import CONTENT_SECURITY_POLICY, REFERRER_POLICY
from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program

# What the command of the output sends.
_BODY = '{"action":"chat","payload":{"text":"Hello"}}'
KEY = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
ORIGIN = "https://chat.example.com"


def test_cloudfront_serves_the_page_from_a_closed_bucket(
    cloud: Cloud, dockerfile: str, page: str
) -> None:
    config = {"dockerfile": dockerfile, "frontDoor": "cloudfront", "webDir": page}

    stack = run_program(cloud, config, secrets=KEY)

    s3 = cloud.client("s3")
    bucket = f"deltaline-dev-page-{ACCOUNT}"
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    start = s3.get_object(Bucket=bucket, Key="index.html")
    script = s3.get_object(Bucket=bucket, Key="assets/index-1f2e3d.js")
    (found,) = cloud.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    assert all(blocked.values())
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Resource": [f"arn:aws:s3:::{bucket}/*"],
            "Condition": {"StringEquals": {"AWS:SourceArn": found["ARN"]}},
        }
    ]
    assert start["Body"].read() == (Path(page) / "index.html").read_bytes()
    assert (start["ContentType"], start["CacheControl"]) == ("text/html", "no-cache")
    assert script["CacheControl"] == "public, max-age=31536000, immutable"
    assert stack.outputs["url"] == f"https://{found['DomainName']}/"


def test_cloudfront_sends_the_page_with_the_headers_that_the_server_sends(
    cloud: Cloud, dockerfile: str, page: str
) -> None:
    for ending in (".br", ".gz"):
        (Path(page) / f"index.html{ending}").write_bytes(b"compressed")
    config = {"dockerfile": dockerfile, "frontDoor": "cloudfront", "webDir": page}

    run_program(cloud, config, secrets=KEY)

    made = cloud.one("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy")
    headers = made.inputs["securityHeadersConfig"]
    behavior = cloud.one("aws:cloudfront/distribution:Distribution").inputs["defaultCacheBehavior"]
    kept = cloud.client("s3").list_objects_v2(Bucket=f"deltaline-dev-page-{ACCOUNT}")["Contents"]
    assert behavior["responseHeadersPolicyId"] == "headers-deltaline-dev-page"
    assert headers["contentSecurityPolicy"] == {
        "contentSecurityPolicy": CONTENT_SECURITY_POLICY,
        "override": True,
    }
    assert headers["referrerPolicy"]["referrerPolicy"] == REFERRER_POLICY
    assert headers["contentTypeOptions"] == {"override": True}
    assert headers["strictTransportSecurity"]["accessControlMaxAgeSec"] == 31_536_000
    # It compresses for each browser as that likes it.
    assert behavior["compress"] is True
    assert sorted(one["Key"] for one in kept) == ["assets/index-1f2e3d.js", "index.html"]


def test_cloudfront_gives_the_api_to_the_function_and_signs_for_it(
    cloud: Cloud, dockerfile: str, page: str
) -> None:
    config = {"dockerfile": dockerfile, "frontDoor": "cloudfront", "webDir": page}

    run_program(cloud, config, secrets=KEY)

    cloudfront = cloud.client("cloudfront")
    (found,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    distribution = cloudfront.get_distribution(Id=found["Id"])["Distribution"]
    url = cloud.client("lambda").get_function_url_config(FunctionName="deltaline-dev")
    settings = distribution["DistributionConfig"]
    (api,) = settings["CacheBehaviors"]["Items"]
    origins = {origin["Id"]: origin for origin in settings["Origins"]["Items"]}
    controls = cloudfront.list_origin_access_controls()["OriginAccessControlList"]["Items"]
    access = {control["Id"]: control for control in controls}
    permissions = [made.inputs for made in cloud.of_type("aws:lambda/permission:Permission")]
    origin = origins[api["TargetOriginId"]]
    assert (url["AuthType"], url["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")
    assert (api["PathPattern"], api["Compress"]) == ("/api/*", False)
    assert "POST" in api["AllowedMethods"]["Items"]
    assert origin["DomainName"] == url["FunctionUrl"].removeprefix("https://").rstrip("/")
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert {
        (control["OriginAccessControlOriginType"], control["SigningBehavior"])
        for control in access.values()
    } == {("s3", "always"), ("lambda", "always")}
    control_ids = [made["originAccessControlId"] for made in _origins(cloud)]
    assert [access[id_]["OriginAccessControlOriginType"] for id_ in control_ids] == ["s3", "lambda"]
    assert {found["action"] for found in permissions} == {
        "lambda:InvokeFunctionUrl",
        "lambda:InvokeFunction",
    }
    assert all(
        (found["principal"], found["sourceArn"])
        == ("cloudfront.amazonaws.com", distribution["ARN"])
        for found in permissions
    )


def _origins(cloud: Cloud) -> list[dict[str, str]]:
    origins: list[dict[str, str]] = cloud.one("aws:cloudfront/distribution:Distribution").inputs[
        "origins"
    ]
    return origins


def test_behind_cloudfront_there_is_no_cors_and_curl_sends_the_digest_of_its_body(
    cloud: Cloud, dockerfile: str, page: str
) -> None:
    config = {"dockerfile": dockerfile, "frontDoor": "cloudfront", "webDir": page}

    stack = run_program(cloud, config, secrets=KEY)

    function = cloud.client("lambda").get_function(FunctionName="deltaline-dev")
    variables = function["Configuration"]["Environment"]["Variables"]
    digest = hashlib.sha256(_BODY.encode()).hexdigest()
    assert "cors" not in cloud.one("aws:lambda/functionUrl:FunctionUrl").inputs
    assert "CHAT_ALLOWED_ORIGINS" not in variables
    assert f"-H 'x-amz-content-sha256: {digest}'" in stack.outputs["curl"]
    assert f"-d '{_BODY}'" in stack.outputs["curl"]


def test_api_gateway_streams_every_request_from_the_function(cloud: Cloud, dockerfile: str) -> None:
    config = {"dockerfile": dockerfile, "frontDoor": "apiGateway", "timeoutS": 600}

    stack = run_program(cloud, config, secrets=KEY)

    client = cloud.client("apigateway")
    (api,) = client.get_rest_apis()["items"]
    resources = client.get_resources(restApiId=api["id"])["items"]
    (stage,) = client.get_stages(restApiId=api["id"])["item"]
    integrations = [made.inputs for made in cloud.of_type("aws:apigateway/integration:Integration")]
    (permission,) = [made.inputs for made in cloud.of_type("aws:lambda/permission:Permission")]
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:deltaline-dev"
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert {resource["path"] for resource in resources} == {"/", "/{proxy+}"}
    assert all(set(resource["resourceMethods"]) == {"ANY", "OPTIONS"} for resource in resources)
    assert len(integrations) == 4
    for found in integrations:
        stored = client.get_integration(
            restApiId=api["id"], resourceId=found["resourceId"], httpMethod=found["httpMethod"]
        )
        assert (stored["type"], stored["httpMethod"]) == ("AWS_PROXY", "POST")
        assert stored["uri"] == (
            f"arn:aws:apigateway:{REGION}:lambda:path/2021-11-15/functions/{arn}"
            "/response-streaming-invocations"
        )
        assert (found["responseTransferMode"], found["timeoutMilliseconds"]) == ("STREAM", 600_000)
    assert permission["principal"] == "apigateway.amazonaws.com"
    assert permission["sourceArn"] == f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['id']}/*"
    assert stage["stageName"] == "chat"
    assert re.fullmatch(rf"https://{api['id']}\.execute-api\..*/chat/", stack.outputs["url"])
    assert not cloud.of_type("aws:lambda/functionUrl:FunctionUrl")


def test_behind_api_gateway_the_app_answers_cors_also_where_requests_are_signed(
    cloud: Cloud, dockerfile: str
) -> None:
    config = {
        "dockerfile": dockerfile,
        "frontDoor": "apiGateway",
        "auth": "AWS_IAM",
        "allowedOrigins": [ORIGIN, "http://localhost:5173"],
    }

    stack = run_program(cloud, config, secrets=KEY)

    function = cloud.client("lambda").get_function(FunctionName="deltaline-dev")
    variables = function["Configuration"]["Environment"]["Variables"]
    methods = [made.inputs for made in cloud.of_type("aws:apigateway/method:Method")]
    assert variables["CHAT_ALLOWED_ORIGINS"] == f"{ORIGIN},http://localhost:5173"
    assert sorted((found["httpMethod"], found["authorization"]) for found in methods) == [
        ("ANY", "AWS_IAM"),
        ("ANY", "AWS_IAM"),
        ("OPTIONS", "NONE"),
        ("OPTIONS", "NONE"),
    ]
    assert f"--aws-sigv4 aws:amz:{REGION}:execute-api" in stack.outputs["curl"]


def test_the_examples_are_functions_of_their_own_whatever_the_chat_function_is(
    cloud: Cloud, dockerfile: str, package: str
) -> None:
    config = {"dockerfile": dockerfile, "zipFile": package, "examples": True}

    stack = run_program(cloud, config, secrets=KEY)

    client = cloud.client("lambda")
    functions = {found["FunctionName"]: found for found in client.list_functions()["Functions"]}
    handlers = {
        name: found["Handler"] for name, found in functions.items() if found["PackageType"] == "Zip"
    }
    assert handlers == {
        "deltaline-dev-words": "examples.words.handler",
        "deltaline-dev-happy-path": "examples.outcomes.happy_path",
        "deltaline-dev-midstream-error": "examples.outcomes.midstream_error",
        "deltaline-dev-timeout": "examples.outcomes.timeout",
        "deltaline-dev-slow-process": "app.main.create_lean_app",
    }
    assert set(stack.outputs["exampleFunctions"]) == handlers.keys() - {
        "deltaline-dev-slow-process"
    }


def test_the_tool_of_the_examples_is_behind_a_signed_url_that_streams(
    cloud: Cloud, package: str
) -> None:
    config = {"packaging": "zip", "zipFile": package, "examples": True}

    stack = run_program(cloud, config, secrets=KEY)

    url = cloud.client("lambda").get_function_url_config(FunctionName="deltaline-dev-slow-process")
    assert (url["AuthType"], url["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")
    assert stack.outputs["SAM_LAMBDA_STREAMING_URL"] == f"{url['FunctionUrl'].rstrip('/')}/"
