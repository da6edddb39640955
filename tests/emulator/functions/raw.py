"""A runtime that uses the Runtime API as an event asks, rightly or wrongly.

The event is ``{"do": NAME, …}`` or an HTTP event with that as its body. It uses raw sockets, since
no HTTP client sends what is wrong. ``START`` in the environment breaks its start.
"""

import base64
import http.client
import json
import os
import socket
import sys
import threading
import time
from typing import Any

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
RUNTIME = "/2018-06-01/runtime"
PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"


def log(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def request(
    method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Any:
    connection = http.client.HTTPConnection(HOST, int(PORT))
    path = path if path.startswith("/20") else RUNTIME + path
    connection.request(method, path, body or None, headers or {})
    response = connection.getresponse()
    received = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return received


class StreamedResponse:
    """One streamed response, chunk by chunk."""

    def __init__(self, request_id: str, content_type: str = "text/event-stream") -> None:
        self._socket = socket.create_connection((HOST, int(PORT)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = (
            f"POST {RUNTIME}/invocation/{request_id}/response HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Lambda-Runtime-Function-Response-Mode: streaming\r\nContent-Type: {content_type}\r\n"
            "Transfer-Encoding: chunked\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Type\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Body\r\n\r\n"
        )
        self._socket.sendall(head.encode())

    def send(self, data: bytes) -> None:
        self._socket.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self, trailers: str = "") -> int:
        self._socket.sendall(f"0\r\n{trailers}\r\n".encode())
        response = http.client.HTTPResponse(self._socket)
        response.begin()
        response.read()
        self._socket.close()
        return response.status

    def cut(self) -> None:
        self._socket.close()


def open_gate(order: dict[str, Any]) -> socket.socket | None:
    return socket.create_connection(("127.0.0.1", order["gate"])) if "gate" in order else None


def open_response(
    request_id: str, event: dict[str, Any], order: dict[str, Any]
) -> StreamedResponse:
    if "requestContext" not in event:
        return StreamedResponse(request_id)
    response = StreamedResponse(request_id, PRELUDE_TYPE)
    prelude = order.get("prelude", {"statusCode": 200, "headers": {"content-type": "text/plain"}})
    response.send(json.dumps(prelude).encode())
    response.send(bytes(8))
    return response


def handle(request_id: str, headers: dict[str, str], event: dict[str, Any]) -> None:
    order = json.loads(event["body"]) if "requestContext" in event else event
    gate = open_gate(order)
    match order.get("do", "stream"):
        case "early error":
            body = json.dumps({"errorType": "Function.Early", "errorMessage": "no"}).encode()
            request(
                "POST", f"/invocation/{request_id}/error", body,
                {"Lambda-Runtime-Function-Error-Type": "Function.Early"},
            )  # fmt: skip
            return
        case "buffered":
            body = json.dumps(order.get("result", "x" * order.get("result_bytes", 0))).encode()
            status, _, _ = request("POST", f"/invocation/{request_id}/response", body)
            log(f"first answer: {status}")
            return
        case "report":
            known = {
                "environ": dict(os.environ),
                "headers": headers,
                "event": event,
                "pid": os.getpid(),
            }
            request("POST", f"/invocation/{request_id}/response", json.dumps(known).encode())
            return
        case "probe":
            responses = [
                request(method, path.replace("{id}", request_id), body.encode(), headers)
                for method, path, headers, body in order["requests"]
            ]
            result = [[status, body.decode()] for status, _, body in responses]
            request("POST", f"/invocation/{request_id}/response", json.dumps(result).encode())
            return
        case "garbage":
            response = StreamedResponse(request_id, PRELUDE_TYPE)
            response.send(order.get("text", "<html>not a prelude</html>").encode())
            response.end()
            return
        case "no http":
            with socket.create_connection((HOST, int(PORT))) as connection:
                connection.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
                connection.recv(1000)
        case "bad chunk":
            response = open_response(request_id, event, order)
            response.send(b"good")
            response._socket.sendall(b"zz\r\nbad\r\n")
            return
        case "wrong mode":
            headers = {"Lambda-Runtime-Function-Response-Mode": "telepathic"}
            status, _, _ = request("POST", f"/invocation/{request_id}/response", b"{}", headers)
            log(f"refused: {status}")
            return
        case "allocate":
            hoard = bytearray(os.urandom(1)) * (order["mb"] * 2**20)
            time.sleep(3600)
            log(str(len(hoard)))
    response = open_response(request_id, event, order)
    log("working")
    for chunk in order.get("chunks", []):
        if gate is not None and not gate.recv(1):
            sys.exit("the gate was closed")
        response.send(chunk.encode())
    for _ in range(order.get("megabytes", 0)):
        response.send(bytes(2**20))
    if "one_chunk_mb" in order:
        response.send(bytes(order["one_chunk_mb"] * 2**20))
    match order.get("then", "end"):
        case "hang":
            time.sleep(3600)
        case "cut":
            response.cut()
        case "exit":
            sys.stdout.flush()
            os._exit(order["status"])
        case "kill":
            os.kill(os.getpid(), 9)
        case "fail":
            details = json.dumps({"errorType": "Function.Late", "errorMessage": "naïve"})
            text = base64.b64encode(details.encode()).decode() if order["base64"] else details
            response.end(
                "Lambda-Runtime-Function-Error-Type: Function.Late\r\n"
                f"Lambda-Runtime-Function-Error-Body: {text}\r\n"
            )
        case "end":
            log(f"first answer: {response.end()}")
        case "end and exit":
            response.end()
            os._exit(0)
    if order.get("linger"):
        time.sleep(3600)
    if order.get("abandon a poll"):
        with socket.create_connection((HOST, int(PORT))) as connection:
            head = f"GET {RUNTIME}/invocation/next HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
            connection.sendall(head.encode())
            # Its response comes once the emulator has seen the poll.
            request("POST", f"/invocation/{request_id}/response")
        log("abandoned a poll")
    if order.get("twice"):
        status, _, body = request("POST", f"/invocation/{request_id}/response", b"again")
        log(f"second answer: {status} {body.decode()}")


def register_twice() -> dict[str, str]:
    path, name = "/2020-01-01/extension/register", {"Lambda-Extension-Name": "inside"}
    first, headers, _ = request("POST", path, b'{"events":["INVOKE"]}', name)
    second, _, _ = request("POST", path, b'{"events":["INVOKE"]}', name)
    log(f"registered: {first}, again: {second}")
    lower = {name.lower(): value for name, value in headers.items()}
    return {"Lambda-Extension-Identifier": lower["lambda-extension-identifier"]}


def be_an_extension(identity: dict[str, str]) -> None:
    while True:
        _, _, body = request("GET", "/2020-01-01/extension/event/next", b"", identity)
        log(f"internal extension: {json.loads(body)['eventType']}")


def main() -> None:
    match os.environ.get("START"):
        case "die":
            sys.exit(3)
        case "hang":
            time.sleep(3600)
        case "register":
            threading.Thread(target=be_an_extension, args=(register_twice(),), daemon=True).start()
        case "init error":
            headers = {"Lambda-Runtime-Function-Error-Type": "Runtime.NoSuchHandler"}
            request("POST", "/init/error", b'{"errorMessage":"no handler"}', headers)
            sys.exit(1)
    while True:
        _, headers, body = request("GET", "/invocation/next")
        lower = {name.lower(): value for name, value in headers.items()}
        handle(lower["lambda-runtime-aws-request-id"], lower, json.loads(body))


main()
