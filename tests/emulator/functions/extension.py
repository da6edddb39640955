"""An extension: registers for the events in ``EXTENSION_EVENTS`` and prints those it gets.

``EXTENSION`` breaks it: ``silent`` never registers, ``dies`` exits after it has registered, ``init
error`` reports one. With ``polls`` it is the runtime too, as the Lambda Web Adapter is.
"""

import http.client
import json
import os
import sys
import threading
import time
from typing import Any

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
NAME = os.path.basename(sys.argv[0])


def log(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def request(
    method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> tuple[Any, dict[str, Any]]:
    connection = http.client.HTTPConnection(HOST, int(PORT))
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return {k.lower(): v for k, v in response.getheaders()}, json.loads(text)


def register(name: str, events: list[str]) -> tuple[dict[str, str], dict[str, Any]]:
    headers = {"Lambda-Extension-Name": name}
    body = json.dumps({"events": events}).encode()
    headers_received, known = request("POST", "/2020-01-01/extension/register", headers, body)
    identity = {
        "Lambda-Extension-Identifier": headers_received.get("lambda-extension-identifier", "")
    }
    return identity, known


def poll_as_runtime() -> None:
    while True:
        headers, event = request("GET", "/2018-06-01/runtime/invocation/next", {})
        request_id = headers["lambda-runtime-aws-request-id"]
        body = json.dumps({"answered by": NAME, "event": event}).encode()
        request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", {}, body)


def main() -> None:
    how = os.environ.get("EXTENSION", "")
    if how == "silent":
        time.sleep(3600)
    identity, known = register(NAME, json.loads(os.environ.get("EXTENSION_EVENTS", "[]")))
    log(f"extension: registered {known}")
    _, refused = request("PUT", "/2022-07-01/telemetry", identity, b"{}")
    log(f"extension: telemetry {refused['errorType']}")
    if how == "dies":
        sys.exit(4)
    if how == "init error":
        headers = {**identity, "Lambda-Extension-Function-Error-Type": "Extension.NoConfig"}
        request("POST", "/2020-01-01/extension/init/error", headers, b"{}")
        sys.exit(1)
    if how == "polls":
        threading.Thread(target=poll_as_runtime, daemon=True).start()
    while True:
        _, event = request("GET", "/2020-01-01/extension/event/next", identity)
        log(f"extension: {event['eventType']} {event.get('shutdownReason', '')}")
        if event["eventType"] == "SHUTDOWN":
            log("extension: goodbye")
            return


main()
