"""Every name of OpenTelemetry's conventions for generative AI that we send, in both versions.

The default is v1.41, the last one that was published with the other conventions; the newer names,
which still change, come with ``OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental``.

Sources: open-telemetry/semantic-conventions v1.41.0, model/gen-ai/spans.yaml and metrics.yaml, and
docs/gen-ai/gen-ai-metrics.md for the boundaries; open-telemetry/semantic-conventions-genai,
docs/gen-ai/non-normative/migration.md at 32c328e8 for what has changed since.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

LATEST = "gen_ai_latest_experimental"

# ---- attributes that both versions have -------------------------------------------------------
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
MAX_TOKENS = "gen_ai.request.max_tokens"
TEMPERATURE = "gen_ai.request.temperature"
STREAM = "gen_ai.request.stream"
OUTPUT_TYPE = "gen_ai.output.type"
CONVERSATION = "gen_ai.conversation.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_DESCRIPTION = "gen_ai.tool.description"
TOOL_CALL_ID = "gen_ai.tool.call.id"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
USER = "enduser.pseudo.id"

# ---- content, for who asks for it -------------------------------------------------------------
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"

# ---- values -----------------------------------------------------------------------------------
INVOKE_AGENT = "invoke_agent"
CHAT = "chat"
EXECUTE_TOOL = "execute_tool"
FUNCTION = "function"

# ---- attributes and metrics of our own --------------------------------------------------------
REQUEST_ID = "deltaline.request.id"
PROTOCOL = "deltaline.protocol"
CLIENT_LEFT = "deltaline.client_left"
STEPS = "deltaline.steps"
LIMIT = "deltaline.limit"
TURN_DURATION = "deltaline.turn.duration"
TURN_FIRST_TOKEN = "deltaline.turn.time_to_first_token"
RUNNING_TURNS = "deltaline.turns.running"
STORE_FLUSH = "deltaline.store.flush.duration"
LIMITS_HIT = "deltaline.limits.hit"

# In seconds, and in tokens: what the conventions recommend for such histograms.
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = tuple(4**power for power in range(14))


class Conventions(msgspec.Struct, frozen=True, kw_only=True):
    """Where the versions differ. A metric that a version does not have is empty.

    Attributes:
        model_duration: histogram, of one call to the model.
        model_first_chunk: histogram, of one call to the model.
        token_usage: histogram of both kinds of tokens, which ``gen_ai.token.type`` tells apart.
        tokens_per_call: histograms, by the kind of tokens.
        tokens_used: counters, by the kind of tokens.
        agent_duration, tool_duration: histograms.
        says_provider_of_agent, says_cache_of_agent: whether the span of a turn has the provider,
            and the tokens that came from its cache.
    """

    model_duration: str
    model_first_chunk: str
    token_usage: str = ""
    tokens_per_call: Mapping[str, str] = {}
    tokens_used: Mapping[str, str] = {}
    agent_duration: str = ""
    tool_duration: str = ""
    says_provider_of_agent: bool
    says_cache_of_agent: bool


TOKEN_TYPE = "gen_ai.token.type"
TOKEN_MODALITY = "gen_ai.token.modality"
# OpenAI's API counts the tokens of texts and of images together.
UNKNOWN_MODALITY = "unknown"

V1_41 = Conventions(
    model_duration="gen_ai.client.operation.duration",
    model_first_chunk="gen_ai.client.operation.time_to_first_chunk",
    token_usage="gen_ai.client.token.usage",
    says_provider_of_agent=True,
    says_cache_of_agent=True,
)
NEWER = Conventions(
    model_duration="gen_ai.client.inference.duration",
    model_first_chunk="gen_ai.client.inference.time_to_first_chunk",
    tokens_per_call={
        "input": "gen_ai.client.inference.operation.input_tokens",
        "output": "gen_ai.client.inference.operation.output_tokens",
    },
    tokens_used={
        "input": "gen_ai.client.inference.usage.input_tokens",
        "output": "gen_ai.client.inference.usage.output_tokens",
        "cache_read": "gen_ai.client.inference.usage.cache_read.input_tokens",
        "reasoning": "gen_ai.client.inference.usage.reasoning.output_tokens",
    },
    agent_duration="gen_ai.invoke_agent.duration",
    tool_duration="gen_ai.execute_tool.duration",
    says_provider_of_agent=False,
    says_cache_of_agent=False,
)


def conventions(opt_in: str) -> Conventions:
    """Return the version that ``OTEL_SEMCONV_STABILITY_OPT_IN`` asks for, a list with commas."""
    return NEWER if LATEST in (word.strip() for word in opt_in.split(",")) else V1_41


class ModelServer(msgspec.Struct, frozen=True):
    """Whose model is called, and where."""

    provider: str
    address: str
    port: int


# Well-known values of `gen_ai.provider.name`, by the end of the host's name.
_PROVIDERS = {
    "openai.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "amazonaws.com": "aws.bedrock",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "anthropic.com": "anthropic",
    "cohere.com": "cohere",
    "cohere.ai": "cohere",
    "deepseek.com": "deepseek",
    "groq.com": "groq",
    "mistral.ai": "mistral_ai",
    "perplexity.ai": "perplexity",
    "x.ai": "x_ai",
}


def model_server(url: str) -> ModelServer:
    """Return the server of an API by its address.

    One that is not known speaks OpenAI's API, which is what the provider's name stands for.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    known = (name for end, name in _PROVIDERS.items() if f".{host}".endswith(f".{end}"))
    return ModelServer(
        next(known, "openai"), host, parts.port or (80 if parts.scheme == "http" else 443)
    )
