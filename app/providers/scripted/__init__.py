"""The scripted model: an OpenAI-compatible server that answers from a script."""

from app.providers.scripted.control import Control, Gate, RecordedRequest
from app.providers.scripted.serving import serve_scripted

__all__ = ["Control", "Gate", "RecordedRequest", "serve_scripted"]
