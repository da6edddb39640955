"""What a model is given of a tool's output: no file that is to be stored, and no base64.

A chat shows its client the files of a tool result whole. In the model's request they would cost a
token for every few characters, in this step and in every later one, and say nothing to it.
"""

from typing import Any

_STORED = frozenset({"artifact", "artifact_with_preview"})
# What stands for a text that has no preview, as in Solace Agent Mesh (1.28,
# agent/adk/tool_result_processor.py).
_PREVIEW_CHARACTERS = 500


def model_output(output: Any) -> Any:
    """Return ``output`` with every file that is stored, or binary, told of instead of shown.

    Args:
        output: of a call, as clients have it (`app.tools.result.chat_output`) and send it back.
    """
    files = output.get("data_objects") if isinstance(output, dict) else None
    if not isinstance(files, list) or not any(_is_kept_back(item) for item in files):
        return output
    shown = [_told_of(item) if _is_kept_back(item) else item for item in files]
    return {**output, "data_objects": shown}


def _is_kept_back(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("content"), str):
        return False
    disposition = item.get("disposition")
    is_stored = isinstance(disposition, str) and disposition in _STORED
    return is_stored or item.get("is_binary") is True


def _told_of(item: dict[str, Any]) -> dict[str, Any]:
    content, is_binary = item["content"], item.get("is_binary") is True
    known = {
        key: value
        for key, value in item.items()
        if key not in ("content", "is_binary") and value is not None
    }
    if item.get("disposition") == "artifact":
        known.pop("preview", None)
    elif "preview" not in known and not is_binary:
        is_whole = len(content) <= _PREVIEW_CHARACTERS
        known["preview"] = content if is_whole else f"{content[:_PREVIEW_CHARACTERS]}..."
    return {**known, "size_bytes": _size(content, is_binary=is_binary)}


def _size(content: str, *, is_binary: bool) -> int:
    """Return how many bytes a file has, without decoding it."""
    if is_binary:
        return max(0, len(content) * 3 // 4 - content[-2:].count("="))
    return len(content.encode("utf-8", "surrogatepass"))
