"""``deltaline invoke``: call a streaming Lambda function and print its response as it arrives."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO

from app.aws.invoke import DEFAULT_TIMEOUT_S, InvokeError, invoke_streaming, post_streaming


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add everything that ``invoke`` understands to a (sub)parser."""
    parser.description = "Invoke a streaming Lambda function and print its answer as it arrives."
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--function-name", metavar="NAME", help="name or ARN")
    target.add_argument("--url", help="a Function URL instead, signed with SigV4")
    parser.add_argument("--endpoint-url", metavar="URL", help="default: AWS")
    parser.add_argument("--region", help="default: that of the AWS configuration")
    parser.add_argument(
        "--payload", default="-", metavar="FILE", help="the event, JSON; - is standard input"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_S,
        metavar="S",
        help="longest silence in seconds (default: %(default)g, above what Lambda allows)",
    )


def run(args: argparse.Namespace, out: BinaryIO | None = None) -> int:
    """Carry out ``invoke``; return the exit status: 0 only for a complete, good response."""
    out = out or sys.stdout.buffer
    try:
        payload = sys.stdin.buffer.read() if args.payload == "-" else _read(args.payload)
    except OSError as error:
        return _fail(f"--payload {args.payload}: {error.strerror}")
    statuses: list[int] = []
    try:
        with contextlib.closing(_pieces(args, payload, statuses.append)) as pieces:
            for piece in pieces:
                out.write(piece)
                out.flush()
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            out.close()  # our reader has left, as `head` does: there is nobody to tell
        return 1
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is not installed: pip install '.[aws]'")
    except InvokeError as error:
        return _fail(str(error))
    if statuses and statuses[-1] >= 400:
        return _fail(f"The function answered with HTTP status {statuses[-1]}.")
    return 0


def _pieces(
    args: argparse.Namespace, payload: bytes, on_status: Callable[[int], None]
) -> Generator[bytes, None, None]:
    if args.url:
        return post_streaming(
            args.url, payload, region=args.region, timeout_s=args.timeout, on_status=on_status
        )
    return invoke_streaming(
        args.function_name,
        payload,
        endpoint_url=args.endpoint_url,
        region=args.region,
        timeout_s=args.timeout,
        on_status=on_status,
    )


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _fail(text: str) -> int:
    sys.stderr.write(f"invoke: {text}\n")
    return 1
