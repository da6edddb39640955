"""Bytes of a request → `ChatRequest` or `ToolRequest`, for every shape that clients send.

Split by subject: `body` (bytes → JSON), `envelope` (which shape it is), `client_message` (what a
message may look like on the wire), `file_url` (data URLs), `history` (→ what the model is asked).
"""

from app.requests.body import DEFAULT_MAX_BYTES, parse_json
from app.requests.envelope import parse

__all__ = ["DEFAULT_MAX_BYTES", "parse", "parse_json"]
