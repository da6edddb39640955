"""A web app for the Lambda Web Adapter whose response, right or wrong, depends on the path.

``READY_AFTER_S`` delays its start; until then it does not listen.
"""

import json
import os
import signal
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


def log(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.respond()

    def do_POST(self) -> None:
        self.respond()

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        match self.path.partition("?")[0]:
            case "/health":
                self.whole(200, [], b"ok")
            case "/cookies":
                pairs = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("X-Twice", "one")]
                self.whole(201, [*pairs, ("X-Twice", "two")], b"made")
            case "/empty":
                self.whole(204, [], b"")
            case "/unavailable":
                self.whole(503, [("Retry-After", "7")], b"later")
            case "/break-off":
                # The head promises an end, the chunk is whole, and then the connection is gone.
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"6\r\nhello \r\n")
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            case "/no-answer":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            case _:
                seen = {
                    "method": self.command,
                    "target": self.path,
                    "headers": [[name.lower(), value] for name, value in self.headers.items()],
                    "body": body.decode(),
                }
                text = json.dumps(seen).encode()
                self.whole(200, [("Content-Type", "application/json")], text)

    def whole(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def stop(*_: object) -> None:
    log("web app: told to stop")
    sys.exit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    time.sleep(float(os.environ.get("READY_AFTER_S", "0")))
    HTTPServer(("127.0.0.1", int(os.environ["AWS_LWA_PORT"])), Handler).serve_forever()


main()
