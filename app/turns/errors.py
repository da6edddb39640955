"""The errors that end a turn, or keep it from beginning, as exceptions and as events.

`app.errors` draws where they belong.
"""

from app.errors import ChatError, OutOfDescriptors, ProviderError
from app.events import Error


class AnswerTooLong(ChatError):
    code = "answer_too_long"
    status = 502
    public_message = "The answer was cut off: it is longer than this server allows."


class TimeLimitReached(ChatError):
    """The turn took longer than ``CHAT_MAX_TURN_S``, or than the platform allows."""

    code = "deadline_exceeded"
    status = 504
    public_message = "The answer was cut off by the time limit."


class ServerStopping(ChatError):
    code = "shutdown"
    status = 503
    public_message = "The server is restarting; please send your message again."


class TurnLost(ChatError):
    """The process that ran the turn is gone, or was taken for gone while it was suspended."""

    code = "turn_lost"
    status = 502
    public_message = "The answer was interrupted; please send your message again."


class LogGivenUp(ChatError):
    """Too much waited for a store that could not be written. The message is kept with the end."""

    code = "log_given_up"
    status = 503
    public_message = (
        "This answer cannot be followed; please load the chat again when it is complete."
    )
    retry_after_s = 5


class TooManyTurns(ChatError):
    code = "too_many_turns"
    status = 503
    public_message = OutOfDescriptors.public_message
    retry_after_s = 5


def as_event(kind: type[ChatError]) -> Error:
    """Return the event that ends a turn with an error of that kind."""
    return Error(kind.code, kind.public_message)


TIME_LIMIT = as_event(TimeLimitReached)
SHUTDOWN = as_event(ServerStopping)
DEFECT = as_event(ChatError)
LOST = as_event(TurnLost)
GIVEN_UP = as_event(LogGivenUp)


def status_of(code: str) -> int:
    """Return the HTTP status that belongs to the ``code`` of an error; 502 for a foreign one."""
    kinds: list[type[ChatError]] = [ChatError]
    for kind in kinds:  # which grows by the narrower ones
        kinds += kind.__subclasses__()
    return {kind.code: kind.status for kind in kinds}.get(code, ProviderError.status)
