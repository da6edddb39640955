"""A stored message → the form of AI SDK 4, which `useChat({initialMessages})` takes.

It has what the data stream would have brought: provider-run calls and addresses of the model's
files are left out, and a call that failed has a result that says so (`data_stream`). AI SDK 3.4
reads ``content``, ``toolInvocations`` and the attachments of the same form.

Source: vercel/ai, `packages/ui-utils/src/types.ts`, `fill-message-parts.ts` and
`process-chat-response.ts` (release-v4.3).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.protocols.data_stream import DENIED
from app.protocols.ui_message_stream import METADATA_KEY
from app.store.store import UIMessage

_TOOL = "tool-"


def in_old_form(message: UIMessage) -> dict[str, Any]:
    """Return ``{"id", "role", "content", "parts"}`` and, where there are any, the files of a user
    as ``experimental_attachments``, ``toolInvocations``, and ``annotations``.
    """
    stored: Sequence[Mapping[str, Any]] = message["parts"]
    is_user = message["role"] == "user"
    parts = list(_parts(stored, is_user=is_user))
    calls = [part["toolInvocation"] for part in parts if part["type"] == "tool-invocation"]
    files = [_attachment(part) for part in stored if part.get("type") == "file"] if is_user else []
    told = [message["metadata"]] if message.get("metadata") else []
    told += [dict(part) for part in stored if str(part.get("type")).startswith("data-")]
    more = {
        "toolInvocations": calls,
        "experimental_attachments": files,
        "annotations": told,
    }
    return {
        "id": message["id"],
        "role": message["role"],
        "content": "".join(part["text"] for part in parts if part["type"] == "text"),
        "parts": parts,
        **{key: value for key, value in more.items() if value},
    }


def _parts(stored: Sequence[Mapping[str, Any]], *, is_user: bool) -> Iterator[dict[str, Any]]:
    step = -1
    reasoning: dict[str, Any] | None = None  # which may go on with the next part
    for part in stored:
        if part.get("type") == "reasoning":
            if reasoning is None:
                reasoning = {"type": "reasoning", "reasoning": "", "details": []}
            reasoning["reasoning"] += part["text"]
            reasoning["details"].append(_detail(part))
            continue
        if reasoning is not None:
            yield reasoning
            reasoning = None
        match part:
            case {"type": "step-start"}:
                step += 1
                yield {"type": "step-start"}
            case {"type": "text", "text": text}:
                yield {"type": "text", "text": text}
            case {"type": "source-url", "sourceId": source_id, "url": url}:
                title = {"title": part["title"]} if part.get("title") else {}
                source = {"sourceType": "url", "id": source_id, "url": url, **title}
                yield {"type": "source", "source": source}
            case {"type": "file", "mediaType": media_type, "url": url} if not is_user:
                _, comma, data = url.partition(";base64,")
                if comma:
                    yield {"type": "file", "mimeType": media_type, "data": data}
            case {"toolCallId": _, "state": state} if not part.get("providerExecuted"):
                if state != "input-streaming":
                    call = _invocation(part, max(step, 0))
                    yield {"type": "tool-invocation", "toolInvocation": call}
            case _:
                pass  # v4 has no part for it
    if reasoning is not None:
        yield reasoning


def _detail(part: Mapping[str, Any]) -> dict[str, Any]:
    proof = (part.get("providerMetadata") or {}).get(METADATA_KEY) or {}
    if "redactedData" in proof:
        return {"type": "redacted", "data": proof["redactedData"]}
    signature = {"signature": proof["signature"]} if "signature" in proof else {}
    return {"type": "text", "text": part["text"], **signature}


def _invocation(part: Mapping[str, Any], step: int) -> dict[str, Any]:
    written = part.get("input", part.get("rawInput"))
    call = {
        "step": step,
        "toolCallId": part["toolCallId"],
        "toolName": part.get("toolName") or part["type"].removeprefix(_TOOL),
        "args": written if isinstance(written, Mapping) else {"input": written},
    }
    match part["state"]:
        case "output-available":
            return {"state": "result", **call, "result": part.get("output")}
        case "output-error":
            return {"state": "result", **call, "result": {"error": part.get("errorText")}}
        case "output-denied":
            return {"state": "result", **call, "result": {"error": DENIED}}
        case _:
            return {"state": "call", **call}


def _attachment(part: Mapping[str, Any]) -> dict[str, Any]:
    name = {"name": part["filename"]} if part.get("filename") else {}
    return {**name, "contentType": part["mediaType"], "url": part["url"]}
