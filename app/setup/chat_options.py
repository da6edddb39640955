"""What the settings decide about chat turns."""

from app.http.chat_options import ChatOptions
from app.settings import Settings


def chat_options(settings: Settings) -> ChatOptions:
    """Return what the server decides about its turns."""
    return ChatOptions(
        model=settings.model,
        models=settings.models,
        system_prompt=settings.system_prompt,
        temperature=settings.temperature,
        max_output_tokens=settings.max_output_tokens,
        max_steps=settings.max_steps,
        max_answer_bytes=settings.max_answer_bytes,
        status_wait_s=settings.status_wait_s,
        keep_alive_s=settings.keep_alive_s,
        deadline_margin_s=settings.deadline_margin_s,
        max_turn_s=settings.max_turn_s,
    )
