"""Our server with the opener that was the default once: `python -m app serve`, on aiohttp.

No setting chooses it, so the one place that makes the provider is replaced.
"""

import sys

import app.main
from app.cli import main
from app.providers.openai.chat import OpenAIChat
from app.providers.openers.aiohttp_client import AiohttpOpener
from app.providers.provider import Provider
from app.settings import Settings
from app.setup.secrets import secret_text


def make_provider(settings: Settings) -> Provider:
    return OpenAIChat(
        AiohttpOpener(
            base_url=settings.openai_base_url,
            api_key=secret_text(settings.openai_api_key),
            organization=settings.openai_org_id,
            project=settings.openai_project_id,
            read_timeout_s=settings.read_timeout_s,
        )
    )


app.main.make_provider = make_provider
sys.exit(main())
