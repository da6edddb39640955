"""What may be said in a log of an exception that is not ours.

HTTP clients put the whole request, its key included, into the ``repr`` of their exceptions, and
what the other side sent into their ``str``. So only the type, the status and the system's own error
are said of them.
"""

import errno
from collections.abc import Iterator

from app.errors import ChatError, OutOfDescriptors
from app.known_secrets import mask

# Packages whose exceptions may hold a request or a response.
_CLIENTS = frozenset(
    {
        *("aiohttp", "boto3", "botocore", "h11", "httpcore", "httpcore2", "httpx", "httpx2"),
        *("openai", "requests", "urllib3"),
    }
)
_MOST_CAUSES = 5
_MOST_CHARS = 200


def described(error: BaseException) -> str:
    """Return the types of ``error`` and its causes with what is safe to say of each.

    For example ``APIConnectionError, from ClientConnectorError (ECONNREFUSED)``.
    """
    told: list[str] = []
    for cause in causes(error):
        text = _described(cause)
        if text not in told:
            told.append(text)
    return ", from ".join(told[:_MOST_CAUSES])


def text_of(error: BaseException) -> str:
    """Return the exception's own text, masked; of an HTTP client's exception what is safe."""
    if is_of_a_client(error):
        return described(error)
    return mask(str(error))


def is_of_a_client(error: BaseException) -> bool:
    """Whether ``error`` may hold a request: it comes from an HTTP client."""
    return any(kind.__module__.partition(".")[0] in _CLIENTS for kind in type(error).__mro__)


def has_errno(error: BaseException, *numbers: int) -> bool:
    """Whether ``error``, or what it was caused by, is one of these errors of the system."""
    return any(isinstance(cause, OSError) and cause.errno in numbers for cause in causes(error))


def or_lack_of_descriptors(error: Exception) -> Exception:
    """Return `OutOfDescriptors` instead of an exception that no file could be opened.

    Any code may meet that, such as an import at its first use. It is no defect.
    """
    if isinstance(error, ChatError) or not has_errno(error, errno.EMFILE, errno.ENFILE):
        return error
    lack = OutOfDescriptors(described(error))
    lack.__cause__ = error
    return lack


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and what it was caused by, as far as a traceback would show it."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        if cause.__cause__ is not None or cause.__suppress_context__:
            cause = cause.__cause__
        else:
            cause = cause.__context__


def _described(error: BaseException) -> str:
    facts: list[str] = []
    for name in ("status", "status_code"):
        status = getattr(error, name, None)
        if isinstance(status, int):
            facts.append(f"status {status}")
            break
    if isinstance(error, OSError):
        facts += _of_the_system(error)
    name = type(error).__name__
    return f"{name} ({', '.join(facts)})" if facts else name


def _of_the_system(error: OSError) -> Iterator[str]:
    reason = getattr(error, "reason", None)
    if isinstance(reason, str) and reason.isidentifier():
        yield reason  # of OpenSSL, such as CERTIFICATE_VERIFY_FAILED
        if isinstance(why := getattr(error, "verify_message", None), str):
            yield mask(why[:_MOST_CHARS])  # a sentence of OpenSSL's, with the host that we asked
    elif error.errno is not None and error.errno in errno.errorcode:
        yield errno.errorcode[error.errno]
    elif type(error).__module__ in ("builtins", "socket") and error.args:
        # Written by the system's resolver, by asyncio or by us.
        yield mask(str(error.args[-1])[:_MOST_CHARS])
