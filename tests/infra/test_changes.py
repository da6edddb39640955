"""What a change of a stack's configuration replaces, and what keeps its address."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.infra.changes import (
    KEPT,
    PAGE,
    Way,
    as_text,
    changes,
    rendered,
    ways,
)
from tests.infra.cloud import Cloud
from tests.infra.configurations import ALL, Configuration, stack_of, stacks
from tests.infra.deploying import run_program
from tests.infra.engine import Asked, Refused, Stack, Step, check, steps
from tests.infra.files import Files, write_files

_URL = "aws:lambda/functionUrl:FunctionUrl"
_PLAIN = Configuration("url", "image", "NONE", "ssm")
_SITE = _PLAIN._replace(front_door="cloudfront")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def found(files: Files) -> Mapping[Way, Sequence[Step]]:
    """Every way, each of which AWS would go."""
    return ways(stacks(files))


def _of(done: Sequence[Step], type_: str) -> list[str]:
    return [operation for operation, resource in done if resource.type == type_]


def test_there_are_all_configurations_that_make_sense() -> None:
    assert len(ALL) == len(set(ALL)) == 3 * 2 * 2 * 2 - 4


def test_the_table_is_what_the_program_does(found: Mapping[Way, Sequence[Step]]) -> None:
    text = as_text(changes(found))

    assert KEPT.read_text() == text, "python -m tests.infra.changes writes it anew"
    assert PAGE.read_text() == rendered(PAGE.read_text(), text)


def test_a_url_keeps_its_address_unless_its_function_is_replaced_or_it_is_left(
    found: Mapping[Way, Sequence[Step]],
) -> None:
    for (here, there), done in found.items():
        if "apiGateway" in (here.front_door, there.front_door):
            continue
        touched = set(_of(done, _URL)) - {"update"}
        assert bool(touched) == (here.packaging != there.packaging), (here, there)


@pytest.mark.parametrize(
    ("front_door", "type_"),
    [
        ("cloudfront", "aws:cloudfront/distribution:Distribution"),
        ("apiGateway", "aws:apigateway/restApi:RestApi"),
    ],
)
def test_cloudfront_and_api_gateway_keep_their_addresses_whatever_else_changes(
    found: Mapping[Way, Sequence[Step]], front_door: str, type_: str
) -> None:
    ways_behind_it = {
        way: done
        for way, done in found.items()
        if {configuration.front_door for configuration in way} == {front_door}
    }

    assert ways_behind_it
    for done in ways_behind_it.values():
        assert set(_of(done, type_)) <= {"update"}


def test_what_is_kept_for_long_is_never_replaced(found: Mapping[Way, Sequence[Step]]) -> None:
    """The log, the secret with which approvals are signed, and who the function is."""
    kinds = {"LogGroup", "RandomPassword", "Role"}

    for done in found.values():
        chats = [step for step in done if step.resource.urn.rpartition("::")[2] == "chat"]
        assert not [step for step in chats if step.resource.type.rpartition(":")[2] in kinds]
        assert not _of(done, "random:index/randomPassword:RandomPassword")


def test_a_new_kind_of_package_takes_the_function_away_before_it_makes_the_other(
    found: Mapping[Way, Sequence[Step]],
) -> None:
    done = found[_PLAIN, _PLAIN._replace(packaging="zip")]

    first = [
        (operation, resource.type.rpartition(":")[2])
        for operation, resource in done
        if resource.type.startswith("aws:lambda/")
    ]
    assert first == [
        ("discard", "FunctionUrl"),
        ("discard", "Permission"),
        ("discard", "Permission"),
        ("discard", "Function"),
        ("replace", "Function"),
        ("replace", "Permission"),
        ("replace", "Permission"),
        ("replace", "FunctionUrl"),
    ]


def test_a_second_time_nothing_happens(files: Files) -> None:
    for configuration in ALL:
        stack = stack_of(configuration, files)

        assert steps(stack, stack) == []


def _once(stack: Stack) -> Stack:
    """Return a stack as the program made it when the URL was a part of the site."""
    (former,) = {alias for resource in stack for alias in resource.aliases}
    (url,) = [resource.urn for resource in stack if resource.type == _URL]

    def renamed(resource: Asked) -> Asked:
        needs = {
            name: frozenset(former if urn == url else urn for urn in urns)
            for name, urns in resource.needs.items()
        }
        urn = former if resource.urn == url else resource.urn
        return dataclasses.replace(resource, urn=urn, needs=needs, aliases=())

    return [renamed(resource) for resource in stack]


def test_a_site_that_an_earlier_version_made_keeps_its_url(files: Files) -> None:
    site = stack_of(_SITE, files)

    assert steps(_once(site), site) == []
    for configuration in ALL:
        if configuration.packaging == "image" and configuration.front_door == "url":
            done = steps(_once(site), stack_of(configuration, files))
            check(_once(site), done)
            # The URL of a site is for signed requests.
            assert _of(done, _URL) == {"NONE": ["update"], "AWS_IAM": []}[configuration.auth]


def test_two_names_for_the_url_would_be_refused(files: Files) -> None:
    """Without the alias, as it was: the second URL is made before the first is deleted."""
    plain, site = (stack_of(configuration, files) for configuration in (_PLAIN, _SITE))

    done = steps(plain, _once(site))

    with pytest.raises(Refused, match=r"FunctionUrl::chat-function is made while .*::chat is"):
        check(plain, done)


def test_aws_refuses_a_second_url_of_a_function(cloud: Cloud, dockerfile: str) -> None:
    run_program(
        cloud,
        {"dockerfile": dockerfile},
        secrets={"openaiApiKey": "sk-secret", "authToken": "let-me-in"},
    )
    again = {
        "functionName": "deltaline-dev",
        "authorizationType": "AWS_IAM",
        "invokeMode": "RESPONSE_STREAM",
    }

    with pytest.raises(ValueError, match="FunctionUrlConfig exists"):
        cloud.make(_URL, "chat-function", again, is_component=False)


def test_the_page_says_where_the_table_is_from() -> None:
    assert Path(PAGE).read_text().count("python -m tests.infra.changes") == 1
