"""Calls of DynamoDB: signed, and repeated as long as that may help.

Every call may arrive twice, since it is sent again when nobody knows whether it has arrived. So who
calls here either writes the same under a condition that tells, or gives the transaction a token.

Sources: DynamoDB's API reference ("Common errors", and the errors of each operation) and its
developer guide, "Error handling with DynamoDB"; botocore 1.44, data/dynamodb/2012-08-10; AWS
Architecture Blog, "Exponential backoff and jitter" (full jitter).
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from app.aws.credentials import AwsCredentials, CredentialsError
from app.aws.endpoint import Endpoint
from app.aws.sigv4 import signature_headers
from app.errors import StoreUnavailable
from app.seldom_warning import SeldomWarning
from app.store.dynamodb_http import JsonPosts, NoResponse
from app.store.dynamodb_values import Item

logger = logging.getLogger("deltaline.store")

# One call with all its repetitions: less than who waits for it has patience (`app.turns.patience`).
DEADLINE_S = 3.5
# One try. DynamoDB takes some milliseconds; what takes longer is better asked again.
TRY_S = 1.2
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.8

_CONDITION = "ConditionalCheckFailed"
# Errors after which the same call may succeed. Every status from 500 is one too.
_PASSING = frozenset(
    {
        *(
            "InternalServerError",
            "LimitExceededException",
            "ProvisionedThroughputExceededException",
        ),
        *("RequestLimitExceeded", "ServiceUnavailable", "ThrottlingException"),
        *("TransactionConflictException", "TransactionInProgressException"),
    }
)
# Why a transaction is not carried out, if it may be at another time.
_PASSING_REASONS = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "InternalError"}
)
# The credentials are renewed just now, or the clock was corrected: the next signature differs.
_SIGNATURE = frozenset({"ExpiredTokenException", "RequestExpired", "InvalidSignatureException"})


class ConditionFailed(Exception):
    """The item is not as the call wants it.

    Attributes:
        item: as it is, if the call asks for it; None if there is none.
    """

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.item = item


class TransactionRefused(Exception):
    """A condition of a transaction is not met.

    Attributes:
        failed: the numbers of the parts whose condition it is.
    """

    def __init__(self, failed: Sequence[int]) -> None:
        super().__init__()
        self.failed = failed


class Calls:
    """Calls DynamoDB with the credentials of this process.

    Args:
        endpoint: where it is.
        table: whose name every call gets.
        credentials: of this process.
        now: Unix seconds.
        sleep: waits between two tries; takes seconds.
        deadline_s: as `DEADLINE_S`.
        try_s: as `TRY_S`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        table: str,
        *,
        credentials: AwsCredentials | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        deadline_s: float = DEADLINE_S,
        try_s: float = TRY_S,
    ) -> None:
        self.table = table
        self._endpoint = endpoint
        self._credentials = AwsCredentials() if credentials is None else credentials
        self._now = now
        self._sleep = sleep
        self._deadline_s = deadline_s
        self._posts = JsonPosts(endpoint.url, timeout_s=try_s)
        self._warn = SeldomWarning(logger, "DynamoDB cannot be used: %s")

    async def call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Carry out ``operation`` on the table, such as ``GetItem``.

        Raises:
            ConditionFailed: its condition is not met.
            TransactionRefused: one of its conditions is not met.
            StoreUnavailable: it was not carried out, as far as is known.
        """
        return await self.send(operation, {"TableName": self.table, **parameters})

    async def transact(self, parts: Sequence[Mapping[str, Mapping[str, Any]]]) -> None:
        """Carry out all ``parts`` (``{"Put": {…}}``), or none.

        Raises:
            TransactionRefused, StoreUnavailable: as for `call`.
        """
        named = [
            {kind: {"TableName": self.table, **part} for kind, part in one.items()} for one in parts
        ]
        # Whoever sends the same token again gets the result of the first time, for ten minutes.
        token = secrets.token_hex(16)
        await self.send("TransactWriteItems", {"TransactItems": named, "ClientRequestToken": token})

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._posts.aclose()

    async def send(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out an operation whose parameters name the table themselves.

        Raises:
            ConditionFailed, TransactionRefused, StoreUnavailable: as for `call`.
        """
        body = msgspec.json.encode(parameters)
        clock = asyncio.get_running_loop().time
        until = clock() + self._deadline_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                found = await self._try(operation, body, until - clock())
            except _Passing as error:
                # Full jitter: those who were refused together do not come back together.
                wait_s = random.uniform(0, pause_s)
                if clock() + wait_s >= until:
                    raise self._unavailable(str(error)) from error
            else:
                return found
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            await self._sleep(wait_s)

    async def _try(self, operation: str, body: bytes, left_s: float) -> Mapping[str, Any]:
        headers = await self._headers(operation, body)
        try:
            status, answer = await self._posts.post(headers, body, timeout_s=left_s)
        except NoResponse as error:
            raise _Passing(f"{operation}: {error}") from error
        try:
            found: Mapping[str, Any] = msgspec.json.decode(answer, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise _Passing(f"{operation}: no JSON came (status {status})") from error
        if status == 200:
            return found
        kind = str(found.get("__type", "")).rpartition("#")[2] or "an error without a name"
        if kind == "ConditionalCheckFailedException":
            raise ConditionFailed(found.get("Item"))
        if kind == "TransactionCanceledException":
            reasons = [reason.get("Code", "None") for reason in found["CancellationReasons"]]
            if _CONDITION in reasons:
                raise TransactionRefused(
                    [n for n, code in enumerate(reasons) if code == _CONDITION]
                )
            if _PASSING_REASONS.intersection(reasons):
                raise _Passing(f"{operation}: {', '.join(sorted(set(reasons) - {'None'}))}")
        # Its message is left out, since it may hold more than a log should.
        text = f"{operation}: {kind} (status {status})"
        if status >= 500 or kind in _PASSING or kind in _SIGNATURE:
            raise _Passing(text)
        raise self._unavailable(text + _advice(kind, self.table))

    async def _headers(self, operation: str, body: bytes) -> dict[str, str]:
        try:
            credentials = await self._credentials.get()
        except CredentialsError as error:
            raise _Passing(f"no AWS credentials: {error}") from error
        if credentials is None:
            raise self._unavailable("this process has no AWS credentials")
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        }
        return headers | signature_headers(
            "POST",
            f"{self._endpoint.url}/",
            headers,
            body,
            credentials=credentials,
            region=self._endpoint.region,
            service="dynamodb",
            now=self._now(),
        )

    def _unavailable(self, reason: str) -> StoreUnavailable:
        self._warn(asyncio.get_running_loop().time(), reason)
        return StoreUnavailable(reason)


class _Passing(Exception):
    """A call that may succeed at another time. The message is for the log."""


def _advice(kind: str, table: str) -> str:
    if kind == "ResourceNotFoundException":
        return f"; there is no table {table} in this region: make it, or correct CHAT_STORE"
    if kind in ("AccessDeniedException", "UnrecognizedClientException"):
        return f"; these credentials may not use the table {table}: docs/deploy.md has the policy"
    return ""
