"""The text protocol: the answer's text in UTF-8 and nothing else.

`useChat` of AI SDK 4 reads it with ``streamProtocol: "text"``, 5 and later with
``TextStreamChatTransport``; `useObject` reads one growing JSON document this way. The format has no
place for errors, tools or ids, so everything but the text is left out, and there is no keep-alive.

Source: vercel/ai at ai@4.3, packages/ui-utils/src/process-chat-text-response.ts.
"""

from collections.abc import Mapping
from typing import ClassVar

from app.events import Event, TextDelta


class TextStreamEncoder:
    """Encodes one turn. Holds back half a surrogate pair until the other half comes."""

    media_type: ClassVar[str] = "text/plain; charset=utf-8"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        self._held = ""

    def encode(self, event: Event, by_provider: bool = False, /) -> bytes:
        """Return the text of ``event``, or ``b""``.

        UTF-8 has no lone surrogates: one whose other half never comes is sent as U+FFFD.
        """
        if isinstance(event, TextDelta):
            try:
                if not self._held:
                    return event.text.encode()
            except UnicodeEncodeError:
                pass  # the slow way below handles surrogates
            text = self._held + event.text
            self._held = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
            return _joined(text[: len(text) - len(self._held)])
        rest, self._held = self._held, ""
        return _joined(rest)

    def keep_alive(self) -> bytes:
        """Return ``b""``: any byte would be part of the answer."""
        return b""


def _joined(text: str) -> bytes:
    # Going through UTF-16 joins the halves of a pair and reveals those that stand alone.
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.encode()
