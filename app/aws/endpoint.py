"""Where a service of AWS is for this process, as every AWS SDK takes it from the environment.

Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints" and "AWS Region".
"""

import os
from collections.abc import Mapping

import msgspec


class Endpoint(msgspec.Struct, frozen=True):
    """The address of a service, and the region that requests to it are signed for."""

    url: str
    region: str


def endpoint_of(service: str, environ: Mapping[str, str] = os.environ) -> Endpoint | None:
    """Return where ``service`` is, such as ``dynamodb``.

    Its own variable (``AWS_ENDPOINT_URL_DYNAMODB``) comes before ``AWS_ENDPOINT_URL``. None: there
    is no region, and no address that does without.
    """
    given = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        if not given:
            return None
        region = "us-east-1"  # what stands in for AWS takes any
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Endpoint((given or f"https://{service}.{region}.{suffix}").rstrip("/"), region)
