"""From the body of an admitted request to what it asks for."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import msgspec

from app.http.admission import AdmittedRequest
from app.messages import ChatRequest, ToolRequest
from app.requests.body import parse_json
from app.requests.envelope import parse
from app.requests.value_count import is_heavy
from app.threads import Aside

T = TypeVar("T")
_Asked = TypeVar("_Asked", ChatRequest, ToolRequest, ChatRequest | ToolRequest)


class Reading:
    """Reads the bodies of requests.

    Args:
        aside: where they are read if they are large.
        max_body_bytes: largest body, also after it was unwrapped.
        max_messages: the longest conversation accepted.
        file_hosts: the only hosts of files that the model is given; empty: all that are public.
        allow_client_system: whether system messages from the client are kept.
    """

    def __init__(
        self,
        aside: Aside,
        *,
        max_body_bytes: int,
        max_messages: int,
        file_hosts: Collection[str],
        allow_client_system: bool,
    ) -> None:
        self._aside = aside
        self._max_body_bytes = max_body_bytes
        self._max_messages = max_messages
        self._file_hosts = file_hosts
        self._allow_client_system = allow_client_system

    async def read(self, admitted: AdmittedRequest, read: Callable[[bool], T]) -> T:
        """Return what ``read`` makes of the body; beside the event loop if the body is large."""
        body = admitted.body
        if not is_heavy(body):
            return read(False)
        return await self._aside.run(lambda: read(True), size=len(body))

    def parsed(self, admitted: AdmittedRequest, is_large: bool) -> ChatRequest | ToolRequest:
        """Return the request, whatever shape it has."""
        return parse(
            admitted.body,
            content_type=admitted.content_type,
            max_bytes=self._max_body_bytes,
            max_messages=self._max_messages,
            file_hosts=self._file_hosts,
            allow_client_system=self._allow_client_system,
            is_large=is_large,
        )

    def json(self, admitted: AdmittedRequest, content_type: str | None) -> Any:
        """Return the JSON value of the body."""
        return parse_json(admitted.body, content_type=content_type, max_bytes=self._max_body_bytes)


def by_owner(owner: str, asked: _Asked) -> _Asked:
    """Return ``asked`` with its owner as the user's id, whoever the client says that he is."""
    if not owner:
        return asked
    if isinstance(asked, ToolRequest):
        return msgspec.structs.replace(asked, context={**asked.context, "user_id": owner})
    return msgspec.structs.replace(asked, user_id=owner)
