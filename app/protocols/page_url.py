"""Which URLs of the model's side reach the page that shows them.

A page makes links and images of sources and files. A URL that runs as a program when it is opened
(``javascript:``) or is a page by itself (``data:text/html``) could do there whatever the user can.
"""

from app.events import File, Source

_WEB = ("http://", "https://")
# Media types that a browser runs, in whatever spelling of their parameters.
_RUNS = ("html", "xml", "javascript", "ecmascript")


def is_harmless(event: Source | File) -> bool:
    """Return whether the client may get ``event``: a web address, or the data of a passive file."""
    if isinstance(event, Source):
        return event.url is None or event.url.lower().startswith(_WEB)
    if _runs(event.media_type):
        return False
    url = event.url.lower()
    if url.startswith(_WEB):
        return True
    head, comma, _ = url.partition(",")
    return head.startswith("data:") and bool(comma) and not _runs(head)


def _runs(media_type: str) -> bool:
    return any(kind in media_type.lower() for kind in _RUNS)
