"""Where a service of AWS is, and what botocore makes of the same environment."""

import os
from unittest.mock import patch

import pytest
from botocore.session import Session

from app.aws.endpoint import Endpoint, endpoint_of


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"AWS_REGION": "eu-west-1"},
            Endpoint("https://dynamodb.eu-west-1.amazonaws.com", "eu-west-1"),
        ),
        (
            {"AWS_DEFAULT_REGION": "us-east-2"},
            Endpoint("https://dynamodb.us-east-2.amazonaws.com", "us-east-2"),
        ),
        (
            {"AWS_REGION": "cn-north-1"},
            Endpoint("https://dynamodb.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ),
        (
            {"AWS_ENDPOINT_URL": "http://localhost:4566/", "AWS_REGION": "eu-west-1"},
            Endpoint("http://localhost:4566", "eu-west-1"),
        ),
        (
            {
                "AWS_ENDPOINT_URL": "http://localhost:4566",
                "AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:8000",
            },
            Endpoint("http://localhost:8000", "us-east-1"),
        ),
    ],
)
def test_an_endpoint_is_what_the_environment_says(
    environ: dict[str, str], expected: Endpoint
) -> None:
    assert endpoint_of("dynamodb", environ) == expected


@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1", "us-gov-west-1", "ap-southeast-7"])
def test_an_address_is_that_of_the_sdk(region: str) -> None:
    with patch.dict(os.environ, {"AWS_EC2_METADATA_DISABLED": "true"}):
        client = Session().create_client(
            "dynamodb", region_name=region, aws_access_key_id="x", aws_secret_access_key="y"
        )

    found = endpoint_of("dynamodb", {"AWS_REGION": region})
    assert found is not None
    assert found.url == client.meta.endpoint_url


def test_without_a_region_there_is_none() -> None:
    assert endpoint_of("dynamodb", {"AWS_REGION": ""}) is None
