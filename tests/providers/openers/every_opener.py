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
KNOWN_GAPS: Mapping[tuple[str, str], str] = {
    ("openai", "test_an_odd_head_is_a_head[a reason in Latin-1]"): (
        "the package's transport takes the reason for UTF-8"
    ),
    **{
        ("openai", f"test_the_environment_may_except_servers[{case}-{name}]"): (
            "httpx2 has its own rules: .model.test excepts what is below it, and a network counts"
        )
        for name in ("NO_PROXY", "no_proxy")
        for case in (".model.test-model.test-True", "127.0.0.0/8-127.0.0.1-False")
    },
}
