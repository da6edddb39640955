"""The openers, for what each of them promises. A new one is a line here."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from app.providers.openers.aiohttp_client import AiohttpOpener
from app.providers.openers.httptools_client import HttpToolsOpener
from app.providers.openers.openai_client import OpenAIOpener
from app.providers.openers.opener import Opener

MakeOpener: TypeAlias = Callable[..., Opener]

EVERY_OPENER: Mapping[str, MakeOpener] = {
    "httptools": HttpToolsOpener,
    "aiohttp": AiohttpOpener,
    "openai": OpenAIOpener,
}

# What an opener is known not to do: opener, test (with its case in brackets, or all of its cases),
# and why. Such a test has to fail, so an entry goes as soon as its reason does.
KNOWN_GAPS: Mapping[tuple[str, str], str] = {}
