"""A message of any client → the form in which it is stored, that of AI SDK 5 and later.

``{"id", "role", "parts", "metadata"?}``: what `useChat({messages})` of 5, 6 and 7 takes. What those
clients post is kept as it is, parts and keys that we do not know included. Older messages are
translated. They have been checked by `ClientMessage` before.

Sources: vercel/ai, `packages/ai/src/ui/ui-messages.ts` (main) and `packages/ui-utils/src/types.ts`
(release-v4.3); OpenAI's chat completions API for lists in ``content``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.messages import ChatRequest
from app.protocols.ui_message_stream import METADATA_KEY

_UNKNOWN_MEDIA_TYPE = "application/octet-stream"


def stored_form(posted: Mapping[str, Any], *, fallback_id: str) -> dict[str, Any]:
    """Return the message as it is stored.

    Args:
        posted: of a user or an assistant.
        fallback_id: its id, if the client gives none.
    """
    role = "assistant" if posted.get("role") == "assistant" else "user"
    said = posted.get("parts") or posted.get("content") or ()
    if isinstance(said, str):
        said = [_text(said)]
    parts = [stored for part in said for stored in _parts(part)]
    if not posted.get("parts"):
        parts += _calls(posted.get("toolInvocations") or ())
    parts += [_attachment(one) for one in posted.get("experimental_attachments") or ()]
    if role == "user" and not parts:
        parts = [_text("")]  # older clients refuse a message without parts
    about = posted.get("metadata")
    more = {} if about is None else {"metadata": about}
    return {"id": posted.get("id") or fallback_id, "role": role, "parts": parts, **more}


def continued_form(asked: ChatRequest) -> dict[str, Any] | None:
    """Return the message that a request continues, as its client tells it; None if it does not."""
    if asked.continues is None or not asked.posted or asked.posted[-1]["role"] != "assistant":
        return None
    return stored_form(asked.posted[-1], fallback_id=asked.continues)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _parts(part: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    match part:
        case {"type": "reasoning"} if "text" not in part:
            return list(_reasoning(part))
        case {"type": "tool-invocation", "toolInvocation": invocation}:
            return [_call(invocation)]
        case {"type": "source", "source": {"id": source_id, "url": url, **source}}:
            title = {"title": source["title"]} if source.get("title") else {}
            return [{"type": "source-url", "sourceId": source_id, "url": url, **title}]
        case {"type": "file", "mimeType": media_type, "data": data} if "url" not in part:
            return [_file(media_type, f"data:{media_type};base64,{data}")]
        case {"type": "image_url", "image_url": {"url": url}}:
            return [_file(_media_type(url, "image/*"), url)]
        case _:
            return [part]


def _reasoning(part: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield AI SDK 4's reasoning: one part for each of its details."""
    details = part.get("details") or [{"text": part.get("reasoning") or ""}]
    for detail in details:
        proof = {
            name: detail[key]
            for key, name in (("signature", "signature"), ("data", "redactedData"))
            if detail.get(key) is not None
        }
        about = {"providerMetadata": {METADATA_KEY: proof}} if proof else {}
        yield {"type": "reasoning", "text": detail.get("text") or "", "state": "done", **about}


def _calls(invocations: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Yield the calls of AI SDK 3.4 and 4.0, which number their steps."""
    step: Any = None
    for number, invocation in enumerate(invocations):
        if number and invocation.get("step") != step:
            yield {"type": "step-start"}
        step = invocation.get("step")
        yield _call(invocation)


def _call(invocation: Mapping[str, Any]) -> dict[str, Any]:
    call = {
        "type": f"tool-{invocation['toolName']}",
        "toolCallId": invocation["toolCallId"],
        "input": invocation.get("args"),
    }
    if invocation.get("state") == "result" or "result" in invocation:
        return {**call, "state": "output-available", "output": invocation.get("result")}
    is_whole = invocation.get("state") != "partial-call"
    return {**call, "state": "input-available" if is_whole else "input-streaming"}


def _attachment(attachment: Mapping[str, Any]) -> dict[str, Any]:
    url = attachment["url"]
    media_type = attachment.get("contentType") or _media_type(url, _UNKNOWN_MEDIA_TYPE)
    name = {"filename": attachment["name"]} if attachment.get("name") else {}
    return _file(media_type, url, **name)


def _file(media_type: str, url: str, **more: str) -> dict[str, Any]:
    return {"type": "file", "mediaType": media_type, "url": url, **more}


def _media_type(url: str, otherwise: str) -> str:
    """Return the media type that a data URL names."""
    scheme, _, rest = url[:300].partition(":")
    named = rest.partition(",")[0].partition(";")[0].strip()
    return named if scheme.lower() == "data" and named else otherwise
