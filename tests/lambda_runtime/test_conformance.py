"""The real AI SDK clients against the app as a Lambda function, flow by flow, several at once.

Our own runtime runs in the emulator, one real process per environment, beside the scripted model. A
page can reach a function through its Function URL, which is HTTP, or invoke it, which is one POST
of JSON without path, query or status. Flows that cannot work then are listed here with the reason,
and are expected to fail.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import httpx2
import pytest
import pytest_asyncio

from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted
from tests.conformance.flows import STORED, flows_of
from tests.conformance.pace import Pace
from tests.conformance.running import IS_INSTALLED, OK, Job, run_jobs
from tests.conformance.site import KEEP_ALIVE_S, MAX_STEPS, watching
from tests.emulator.emulation import INVOKE, OURS, emulator
from tests.serving import served

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not IS_INSTALLED, reason="needs node and `make node-tests`"),
]

Front: TypeAlias = Literal["url", "invocations"]

# Clients append a path, which becomes part of the fragment, and no fragment is sent.
_ADDRESSES: Mapping[Front, str] = {
    "url": "",
    "invocations": f"{INVOKE}#",
}

_CLIENTS = ("4", "7")
# `main.mjs` runs eight flows at once, and some leave a running turn behind.
_AT_ONCE = 8
_CONCURRENCY = 16
# How long a flow that must fail waits, and how long to wait for a client to leave.
_SHORT_PATIENCE_S = 4.0

_NOT_TOLD = "Lambda does not tell a function that its client has left"
_CUT = "a failed turn has trailers, and Lambda then cuts the connection: no hook hears of an end"
_NO_PATH = "an invocation has no path and no query"
_NO_STATUS = "an invocation has no HTTP status of the function's"
_ONLY_POST = "an invocation is a POST"

_IMPOSSIBLE: Mapping[Front, Mapping[str, str]] = {
    "url": {"stop": _NOT_TOLD, "object-violation": _CUT},
    "invocations": {
        "stop": _NOT_TOLD,
        "error-before": _NO_STATUS,
        "completion-error": _NO_STATUS,
        "resume-nothing": _ONLY_POST,
        "text-protocol": _NO_PATH,
        "completion-text": _NO_PATH,
        "object": _NO_PATH,
        "object-unknown": _NO_PATH,
        # Turns that only `/parts/…` can play.
        **dict.fromkeys(("reasoning-proof", "sources", "files-out", "data"), _NO_PATH),
        **dict.fromkeys(("metadata-merge", "provider-tool", "input-replaced", "abort"), _NO_PATH),
        **dict.fromkeys(("error-after-tool", "abort-after-tool"), _NO_PATH),
    },
}
# These never ask the function.
_KEPT = ("kept-history", "kept-regenerate", "kept-client-tool", "kept-approval", *STORED)
# These need a function that has limits.
_LIMITED = ("limited", "completion-limited", "object-limited")
# Without its path it gets a chat's response, and would accept any that is not a recipe.
_MEANINGLESS: Mapping[Front, Sequence[str]] = {
    "url": (*_KEPT, *_LIMITED),
    "invocations": ("object-violation", *_KEPT, *_LIMITED),
}


class Function(NamedTuple):
    """The emulated Lambda: its URL, that of the model's side, and the pace of both."""

    url: str
    model_side: str
    pace: Pace


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def function() -> AsyncIterator[Function]:
    """Run one Lambda for all clients: its environments take longer to start than flows to run."""
    pace = Pace()
    control = Control(keep=1000, pause=pace.pause)
    async with (
        serve_scripted(control, delay_s=0.002) as model_url,
        served(watching(control, patience_s=_SHORT_PATIENCE_S)) as model_side,
    ):
        variables = {
            "MODEL_SIDE": model_side,
            "_HANDLER": "tests.emulator.functions.conformance:create",
            "OPENAI_BASE_URL": model_url,
            "CHAT_ALLOWED_MODELS": "gpt-5",
            "CHAT_KEEP_ALIVE_S": str(KEEP_ALIVE_S),
            "CHAT_MAX_STEPS": str(MAX_STEPS),
            "CHAT_APPROVAL_SECRET": "secret-of-all-environments",
        }
        async with emulator(OURS, variables=variables, concurrency=_CONCURRENCY) as running:
            await _warm_up(running.url)
            yield Function(running.url, model_side, pace)


async def _warm_up(url: str) -> None:
    """Start an environment for each flow, since flows check what is shown when."""
    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
        event = {"source": "aws.events"}
        await asyncio.gather(*(client.post(INVOKE, json=event) for _ in range(_AT_ONCE)))


def _jobs(function: Function, front: Front, client: str, *, possible: bool) -> Sequence[Job]:
    """Return the flows of a client through a front that should work, or those that cannot."""
    served_at = function.url + _ADDRESSES[front]
    return [
        Job(client, flow, function.model_side, served_at, is_spoilt=not possible)
        for flow in flows_of(client)
        if flow not in _MEANINGLESS[front] and (flow not in _IMPOSSIBLE[front]) == possible
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def became(function: Function) -> Mapping[Job, str]:
    """Return what became of every flow. Those that cannot work run alone, so as to meet no other.

    All clients share a process, which takes as long to start as the flows of one of them.
    """
    outcomes: dict[Job, str] = {}
    for possible in (True, False):
        jobs = [
            job
            for front in _ADDRESSES
            for client in _CLIENTS
            for job in _jobs(function, front, client, possible=possible)
        ]
        ran = await run_jobs(jobs, pace=function.pace, spoilt_patience_s=_SHORT_PATIENCE_S)
        assert ran.unhandled is None
        outcomes |= zip(jobs, ran.outcomes, strict=True)
    return outcomes


@pytest.mark.parametrize("client", _CLIENTS)
@pytest.mark.parametrize("front", _ADDRESSES)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_client_chats_with_the_function(
    function: Function, became: Mapping[Job, str], front: Front, client: str
) -> None:
    possible = _jobs(function, front, client, possible=True)
    impossible = _jobs(function, front, client, possible=False)

    assert {job.flow: became[job] for job in possible if became[job] != OK} == {}
    assert [job.flow for job in impossible if became[job] in (OK, "unknown")] == []
    assert {job.flow for job in impossible} == set(_IMPOSSIBLE[front]) & set(flows_of(client))
