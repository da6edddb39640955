"""The pages and files that the text of one step cites, as sources."""

from app.events import Source
from app.providers.joining import Joiner
from app.providers.openai.ids import NewId


class Citations:
    """Makes a source of each page and file, the first time that it is cited.

    Args:
        new_id: makes the source's id.
    """

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._cited: set[str] = set()

    def add(
        self,
        out: Joiner,
        *,
        url: str | None,
        title: str | None = None,
        file_id: str | None = None,
        filename: str | None = None,
    ) -> None:
        """Take in a citation: of the page ``url``, or else of a file that the provider stores."""
        key = url or file_id
        if not key or key in self._cited:
            return
        self._cited.add(key)
        source_id = self._new_id("source")
        if url:
            source = Source(source_id, url=url, title=title or None)
        else:
            source = Source(source_id, title=filename or file_id, filename=filename)
        out.extend([source])
