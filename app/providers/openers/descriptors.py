"""Whether a connection failed because this process has no descriptor left for it."""

import errno
import os
import socket

from app.causes import causes, has_errno

_NONE_LEFT = (errno.EMFILE, errno.ENFILE)


def is_without_descriptors(error: BaseException) -> bool:
    """Whether ``error``, or what caused it, is that no file can be opened."""
    if has_errno(error, *_NONE_LEFT):
        return True
    # Who cannot open /etc/hosts says that there is no such host.
    return any(isinstance(cause, socket.gaierror) for cause in causes(error)) and _are_used_up()


def _are_used_up() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NONE_LEFT
    return False
