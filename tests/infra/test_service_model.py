"""What moto takes and AWS does not, found by botocore's own description of AWS."""

from typing import Any

import pytest

from tests.infra.service_model import faults, member

FUNCTION = {
    "FunctionName": "deltaline-dev",
    "Role": "arn:aws:iam::123456789012:role/deltaline-dev",
    "Code": {"ImageUri": "repository@sha256:0"},
}
URL = {"FunctionName": "deltaline-dev", "AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [("CreateFunction", FUNCTION), ("CreateFunctionUrlConfig", URL)],
)
def test_good_requests_have_no_faults(operation: str, parameters: dict[str, Any]) -> None:
    assert faults("lambda", operation, parameters) == []


@pytest.mark.parametrize(
    ("operation", "parameters", "place"),
    [
        ("CreateFunction", {**FUNCTION, "Timeout": 901_000}, ".Timeout"),
        ("CreateFunction", {**FUNCTION, "MemorySize": 99_999}, ".MemorySize"),
        ("CreateFunction", {**FUNCTION, "MemorySize": 64}, ".MemorySize"),
        ("CreateFunction", {**FUNCTION, "Architectures": ["riscv"]}, ".Architectures[0]"),
        ("CreateFunction", {**FUNCTION, "Environment": {"Variables": {"1": ""}}}, " key 1"),
        ("CreateFunction", {**FUNCTION, "Colour": "red"}, ".Colour"),
        ("CreateFunction", {"FunctionName": "f", "Code": {}}, ".Role"),
        ("CreateFunctionUrlConfig", {**URL, "InvokeMode": "STREAM"}, ".InvokeMode"),
        ("CreateFunctionUrlConfig", {**URL, "AuthType": "PUBLIC"}, ".AuthType"),
        ("CreateFunctionUrlConfig", {**URL, "Cors": {"MaxAge": 86_401}}, ".MaxAge"),
        ("CreateFunctionUrlConfig", {**URL, "Cors": {"AllowMethods": ["OPTIONS"]}}, "Methods[0]"),
    ],
)
def test_what_aws_would_refuse_is_found(
    operation: str, parameters: dict[str, Any], place: str
) -> None:
    found = faults("lambda", operation, parameters)

    assert len(found) == 1
    assert place in found[0]


def test_our_bounds_are_not_wider_than_those_of_the_service() -> None:
    from infra.config_checks import RANGES

    for field, shape in (("memory_mb", "MemorySize"), ("timeout_s", "Timeout")):
        low, high = RANGES[field]
        bounds = member("lambda", shape).metadata
        assert bounds["min"] == low
        assert bounds["max"] >= high


def test_our_choices_are_words_of_the_service() -> None:
    from infra.config_checks import CHOICES

    def words(shape: str) -> set[str]:
        return set(getattr(member("lambda", shape), "enum", ()))

    assert set(CHOICES["architecture"]) == words("Architecture")
    assert set(CHOICES["auth"]) == words("FunctionUrlAuthType") | {"COGNITO"}
    assert "RESPONSE_STREAM" in words("InvokeMode")
    assert {"image", "zip"} == {word.lower() for word in words("PackageType")}
    assert "python3.13" in words("Runtime")


def test_the_runtimes_own_variables_are_reserved() -> None:
    from infra.environment import RESERVED

    assert {"AWS_REGION", "AWS_ACCESS_KEY_ID", "_HANDLER"} <= RESERVED
