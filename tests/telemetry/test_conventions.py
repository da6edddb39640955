"""The names that we send are those of the conventions' own model."""

import pytest

from app.telemetry import conventions
from app.telemetry.conventions import NEWER as OUR_NEWER
from app.telemetry.conventions import V1_41 as OUR_V1_41
from app.telemetry.conventions import Conventions, ModelServer, model_server
from app.telemetry.conventions import conventions as chosen
from tests.telemetry.traced_server import NEWER, V1_41


@pytest.mark.parametrize(
    ("ours", "facts"), [(OUR_V1_41, V1_41), (OUR_NEWER, NEWER)], ids=["v1.41", "newer"]
)
def test_every_metric_is_in_the_model(ours: Conventions, facts: dict[str, object]) -> None:
    single = (
        ours.model_duration,
        ours.model_first_chunk,
        ours.token_usage,
        ours.agent_duration,
        ours.tool_duration,
    )
    named = {*single, *ours.tokens_per_call.values(), *ours.tokens_used.values()} - {""}

    never = {"gen_ai.client.operation.time_per_output_chunk"}  # it is recorded for each chunk
    assert named == set(facts["metrics"]) - never  # type: ignore[call-overload]


def test_every_attribute_is_in_the_model() -> None:
    named = {
        value
        for name, value in vars(conventions).items()
        if name.isupper() and isinstance(value, str) and value.startswith(("gen_ai.", "server."))
    }

    assert named - set(V1_41["types"]) == {conventions.TOKEN_MODALITY}
    assert named - set(NEWER["types"]) == set()


@pytest.mark.parametrize(
    ("opt_in", "version"),
    [
        ("", OUR_V1_41),
        ("http", OUR_V1_41),
        ("gen_ai_latest_experimental", OUR_NEWER),
        ("http/dup, gen_ai_latest_experimental", OUR_NEWER),
    ],
)
def test_the_newer_version_has_to_be_asked_for(opt_in: str, version: Conventions) -> None:
    assert chosen(opt_in) is version


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://api.openai.com/v1", ModelServer("openai", "api.openai.com", 443)),
        ("http://127.0.0.1:8000/v1", ModelServer("openai", "127.0.0.1", 8000)),
        ("http://models.internal", ModelServer("openai", "models.internal", 80)),
        ("https://api.groq.com/openai/v1", ModelServer("groq", "api.groq.com", 443)),
        ("https://x.ai", ModelServer("x_ai", "x.ai", 443)),
        ("https://notx.ai", ModelServer("openai", "notx.ai", 443)),
        (
            "https://mine.openai.azure.com",
            ModelServer("azure.ai.openai", "mine.openai.azure.com", 443),
        ),
    ],
)
def test_the_provider_is_told_from_the_address(url: str, server: ModelServer) -> None:
    assert model_server(url) == server


def test_every_provider_is_one_of_the_model() -> None:
    known = V1_41["types"]["gen_ai.provider.name"].removeprefix("enum:").split(",")

    assert set(conventions._PROVIDERS.values()) - set(known) == set()
