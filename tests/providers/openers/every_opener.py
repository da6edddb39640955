"""The openers, for what each of them promises. A new one is a line here."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from app.providers.openers.aiohttp_client import AiohttpOpener
from app.providers.openers.openai_client import OpenAIOpener
from app.providers.openers.opener import Opener

MakeOpener: TypeAlias = Callable[..., Opener]

EVERY_OPENER: Mapping[str, MakeOpener] = {
    "aiohttp": AiohttpOpener,
    "openai": OpenAIOpener,
}
