"""Which flow which client can show. The flows themselves are in `legacy/` and `modern/`."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

Api: TypeAlias = Literal["chat", "responses"]
Clients: TypeAlias = Sequence[str]

# One release for every point at which what a client accepts has changed (see `package.json`): the
# first of 5, the first that knows preliminary outputs, the last; of 6 and 7 one that validates each
# chunk strictly, and the last.
CLIENTS: Clients = ("3.4", "4", "5.0.0", "5.0.100", "5", "6.0.98", "6", "7.0.19", "7")


def major_of(client: str) -> str:
    """Return the major of the AI SDK that a client is of."""
    return client.partition(".")[0]


def _since(client: str) -> Clients:
    return CLIENTS[CLIENTS.index(client) :]


def _before(client: str) -> Clients:
    return CLIENTS[: CLIENTS.index(client)]


_ONLY_3 = _before("4")
_SINCE_4 = _since("4")
_UI = _since("5.0.0")
_SINCE_5_100 = _since("5.0.100")
_SINCE_6 = _since("6.0.98")
_BEFORE_6 = _before("6.0.98")
# The last of each major.
_LATEST: Clients = tuple({major_of(client): client for client in CLIENTS}.values())
_LATEST_UI = tuple(client for client in _LATEST if client in _UI)

FLOWS: Mapping[str, Clients] = {
    # What the model says.
    "text": CLIENTS,
    "arrival": CLIENTS,
    "raw-parser": CLIENTS,
    "unicode": CLIENTS,
    "multi-turn": CLIENTS,
    "metadata": CLIENTS,
    "keep-alive": CLIENTS,
    "reasoning": _SINCE_4,
    "text-protocol": CLIENTS,
    "no-newer-lines": _ONLY_3,
    # Played by `parts_app`, without a model.
    "reasoning-proof": _SINCE_4,
    "sources": _SINCE_4,
    "files-out": _SINCE_4,
    "data": CLIENTS,
    "metadata-merge": _UI,
    "provider-tool": CLIENTS,
    "input-replaced": CLIENTS,
    "abort": CLIENTS,
    # Played by `kept_app`, without a model.
    # 3.4 reads no parts: it joins the texts of all steps.
    "kept-history": _SINCE_4,
    "kept-regenerate": CLIENTS,
    "kept-client-tool": CLIENTS,
    "kept-approval": _SINCE_6,
    # With a store: turns outlive their request.
    "stored-reload": _SINCE_4,
    "stored-own-chat": _UI,
    "stored-left": CLIENTS,
    "stored-second-tab": _SINCE_4,
    "stored-stop": _SINCE_4,
    "stored-end-race": _SINCE_4,
    "stored-superseded": CLIENTS,
    "stored-client-tool": CLIENTS,
    "stored-stopped-continuation": _UI,
    "stored-approval": _SINCE_6,
    "stored-replay": _SINCE_4,
    "stored-two-majors": _LATEST_UI,
    "stored-followed-in-4": _LATEST_UI,
    "stored-asked-in-4": _LATEST_UI,
    # Streams that begin elsewhere than the client's history ends, also where that must go wrong.
    "stored-partial": _SINCE_4,
    "stored-finished": _SINCE_4,
    "stored-previous": _UI,
    "stored-rest-of-continuation": _UI,
    "stored-whole-continuation": _UI,
    "stored-cut": _SINCE_4,
    "stored-visible-again": _LATEST_UI,
    "stored-own-chat-cut": _UI,
    "stored-rest-on-page": _UI,
    "stored-cut-page": _UI,
    "workflow-cut": ("7",),
    "workflow-tail": ("7",),
    "workflow-stop": ("7",),
    # What the user sends and does.
    "files-in": CLIENTS,
    "regenerate": CLIENTS,
    "edit": CLIENTS,
    "stop": CLIENTS,
    "resume-nothing": _SINCE_4,
    "error-before": CLIENTS,
    "error-during": CLIENTS,
    "limited": CLIENTS,
    "unfinished-call": CLIENTS,
    # Tools.
    "server-tool": CLIENTS,
    "parallel-tools": CLIENTS,
    "streamed-input": CLIENTS,
    "tool-error": CLIENTS,
    "tool-error-for-user": CLIENTS,
    "invalid-arguments": CLIENTS,
    "unknown-tool": CLIENTS,
    "forbidden-keys": CLIENTS,
    "client-tool": CLIENTS,
    "client-tools-later": CLIENTS,
    "client-tool-error": _SINCE_5_100,
    "approval-granted": _SINCE_6,
    "approval-denied": _SINCE_6,
    "approval-mixed": _SINCE_6,
    "approval-validated": _SINCE_6,
    "approval-refused": _BEFORE_6,
    "preliminary": _SINCE_5_100,
    "status": CLIENTS,
    "max-steps": CLIENTS,
    "error-after-tool": CLIENTS,
    "abort-after-tool": CLIENTS,
    # The other hooks.
    "completion": CLIENTS,
    "completion-text": CLIENTS,
    "completion-error": CLIENTS,
    # 3.4 reads past the error line of a completion.
    "completion-error-during": _SINCE_4,
    "object": CLIENTS,
    "object-violation": CLIENTS,
    "object-unknown": CLIENTS,
    "completion-limited": CLIENTS,
    "object-limited": CLIENTS,
}

# Those that talk to the app with a store.
STORED = tuple(flow for flow in FLOWS if flow.startswith(("stored-", "workflow-")))

# What only the Responses API brings.
_RESPONSES_ONLY: Mapping[str, Clients] = {
    "citations": CLIENTS,
    "web-search": CLIENTS,
    "run-code": CLIENTS,
    "reasoning-kept": _SINCE_4,
}
# All flows again through the other API, by the last client of each major: here it cannot be the
# dialect that makes a difference. What is kept does not depend on it.
RESPONSES_FLOWS: Mapping[str, Clients] = {
    **{
        flow: [client for client in clients if client in _LATEST]
        for flow, clients in FLOWS.items()
        if flow not in STORED
    },
    **_RESPONSES_ONLY,
}
FLOWS_OF_API: Mapping[Api, Mapping[str, Clients]] = {"chat": FLOWS, "responses": RESPONSES_FLOWS}


def flows_of(client: str, api: Api = "chat") -> Sequence[str]:
    """Return the flows that a client can show, in the table's order.

    Args:
        client: its name.
        api: the one that the app asks the model through.
    """
    return [flow for flow, clients in FLOWS_OF_API[api].items() if client in clients]
