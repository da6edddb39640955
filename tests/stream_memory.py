"""What the objects of a running answer take, in the server that `serve` runs.

    python -m tests.stream_memory            a stream, and a token of it
    python -m tests.stream_memory --parts    a stream, by the package that made the objects

`tracemalloc` counts what Python allocates, to the byte, so that a few hundred bytes more are seen
on any machine. What libuv and the kernel have is not in it. The model and the client are plain
sockets in a thread of the same process, which take little and always the same.
"""

import gc
import json
import os
import socket
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn

_WARM, _STREAMS, _TOKENS = 20, 100, 50
_HEAD = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n"
    # Of some kilobytes, as those of real servers.
    + b"".join(b"x-header-%d: %s\r\n" % (number, b"v" * 100) for number in range(20))
    + b"\r\n"
)
# Long, so that a second copy of it, or of the request that it becomes, is seen.
_ASKED = "Hi" * 6000
_BODY = json.dumps({"messages": [{"role": "user", "content": _ASKED}], "id": "c"}).encode()
_QUESTION = (
    b"POST /api/chat?protocol=data HTTP/1.1\r\nhost: localhost\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
) % (len(_BODY), _BODY)


class _Chats:
    """Chats with one answer each, which goes on as far as it is told."""

    def __init__(self, server_port: int, model: socket.socket) -> None:
        self._server_port = server_port
        self._model = model
        self._clients: list[socket.socket] = []
        self._answers: list[socket.socket] = []

    def begin(self, count: int) -> None:
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", self._server_port))
            client.sendall(_QUESTION)
            answer = self._model.accept()[0]
            while not answer.recv(65536).endswith(b"}"):
                pass
            answer.sendall(_HEAD)
            self._clients.append(client)
            self._answers.append(answer)
        self.go_on("first")

    def go_on(self, word: str) -> None:
        """Say a word in every answer, and wait until each client has it."""
        delta = {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
        event = b"data: %s\n\n" % json.dumps(delta).encode()
        for client, answer in zip(self._clients, self._answers, strict=True):
            answer.sendall(b"%x\r\n%s\r\n" % (len(event), event))
            received = b""
            while word.encode() not in received:
                received += client.recv(65536)

    def end(self) -> None:
        for connection in (*self._clients, *self._answers):
            connection.close()
        self._clients.clear()
        self._answers.clear()


def main() -> None:
    """Measure, and print the figures as JSON."""
    model = socket.create_server(("127.0.0.1", 0), backlog=_STREAMS)
    os.environ.update(
        OPENAI_API_KEY="sk-1", OPENAI_BASE_URL=f"http://127.0.0.1:{model.getsockname()[1]}/v1"
    )
    from app.commands.chat_server import serve_chat
    from app.settings import load_settings

    def measure(url: str) -> None:
        port = int(url.rpartition(":")[2])
        thread = threading.Thread(target=_measure, args=(_Chats(port, model),), daemon=True)
        thread.start()

    tracemalloc.start()
    serve_chat(load_settings(), host="127.0.0.1", port=0, announce=measure)


def _measure(chats: _Chats) -> None:
    chats.begin(_WARM)
    if "--parts" in sys.argv:
        _say(_by_package(chats))
    before = _traced()
    chats.begin(_STREAMS)
    begun = _traced()
    for number in range(_TOKENS):
        chats.go_on(f"word{number}")
    gone_on = _traced()
    figures: Mapping[str, Any] = {
        # The question stays for the next step, once.
        "bytes_a_stream": (begun - before) / _STREAMS - len(_ASKED),
        "bytes_a_token": (gone_on - begun) / (_STREAMS + _WARM) / _TOKENS,
    }
    _say(figures)


def _by_package(chats: _Chats) -> Mapping[str, float]:
    """Return the bytes of a stream by package. Of what C code makes, its caller is the maker."""
    gc.collect()
    before = tracemalloc.take_snapshot()
    chats.begin(_STREAMS)
    gc.collect()
    after = tracemalloc.take_snapshot()
    sums: Counter[str] = Counter()
    for found in after.compare_to(before, "filename"):
        sums[_package(found.traceback[0].filename)] += found.size_diff
    return {package: size / _STREAMS for package, size in sums.most_common() if size > 0}


def _package(file: str) -> str:
    for place in ("site-packages", "app", "lib"):
        _, found, rest = file.rpartition(f"/{place}/")
        if found:
            names = rest.removesuffix(".py").split("/")
            return f"{place}/{names[1 if place == 'lib' else 0]}"
    return os.path.basename(file)


def _say(figures: Mapping[str, Any]) -> NoReturn:
    sys.stdout.write(f"{json.dumps(figures)}\n")
    sys.stdout.flush()
    os._exit(0)  # the answers have no end


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    main()
