"""The container image: its repository, and how it is built and pushed.

Lambda refuses an image with provenance or SBOM attestations, because its manifest is a list. The
provider asks BuildKit for none, except in its ``exec`` mode, which hands the build over to another
client. So we do not use that mode.

Source: pulumi/pulumi-docker-build, provider/internal/client.go, ``Attests``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_docker_build as docker_build

_KEPT_IMAGES = 10
_PLATFORMS = {
    "arm64": docker_build.Platform.LINUX_ARM64,
    "x86_64": docker_build.Platform.LINUX_AMD64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionImageArgs:
    """
    Args:
        name: of the repository.
        context: the folder that the builder gets, as seen from the folder of the program.
        dockerfile: path of the Dockerfile, seen from there too.
        architecture: ``arm64`` or ``x86_64``.
        variant: what the Dockerfile's ``VARIANT`` is.
    """

    name: str
    context: str
    dockerfile: str
    architecture: str
    variant: str
    tags: Mapping[str, str]


class FunctionImage(pulumi.ComponentResource):
    """An ECR repository with the image that the function runs.

    Images are pushed by digest, without tags. So the image of a running function cannot change, and
    the same sources give the same image again.

    Attributes:
        uri: ``<repository>@sha256:…``, the form that Lambda expects.
    """

    uri: pulumi.Output[str]

    def __init__(
        self, name: str, args: FunctionImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:FunctionImage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        repository = aws.ecr.Repository(
            name,
            name=args.name,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            # Lets `pulumi destroy` delete a repository with images.
            force_delete=True,
            tags=args.tags,
            opts=child,
        )
        aws.ecr.LifecyclePolicy(
            name, repository=repository.name, policy=_keep_newest(_KEPT_IMAGES), opts=child
        )
        credentials = aws.ecr.get_authorization_token_output(
            registry_id=repository.registry_id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        image = docker_build.Image(
            name,
            context={"location": args.context},
            dockerfile={"location": args.dockerfile},
            build_args={"VARIANT": args.variant},
            platforms=[_PLATFORMS[args.architecture]],
            # A preview would build for minutes and push nothing.
            build_on_preview=False,
            push=False,
            exports=[
                {
                    "registry": {
                        "names": [repository.repository_url],
                        "push": True,
                        "push_by_digest": True,
                    }
                }
            ],
            registries=[
                {
                    "address": repository.repository_url,
                    "username": credentials.user_name,
                    "password": pulumi.Output.secret(credentials.password),
                }
            ],
            opts=child,
        )
        self.uri = pulumi.Output.concat(repository.repository_url, "@", image.digest)
        self.register_outputs({"uri": self.uri})


def _keep_newest(count: int) -> str:
    rule = {
        "rulePriority": 1,
        "description": f"Keep the {count} newest images",
        "selection": {
            "tagStatus": "any",
            "countType": "imageCountMoreThan",
            "countNumber": count,
        },
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]})
