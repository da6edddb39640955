"""What can be called with what, to tell an app from what makes one."""

import inspect


def takes(candidate: object, count: int) -> bool:
    """Return whether ``candidate`` can be called with ``count`` positional arguments."""
    if not callable(candidate):
        return False
    try:
        inspect.signature(candidate).bind(*range(count))
    except (TypeError, ValueError):  # the arguments do not fit, or it has no signature
        return False
    return True
