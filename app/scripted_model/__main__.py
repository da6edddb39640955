"""`python -m app.scripted_model --port P --delay S`: the scripted model by itself."""

import argparse
import asyncio
import signal
import sys

from app.scripted_model.serving import serve_scripted


async def _serve_until_signal(*, host: str, port: int, delay_s: float) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with serve_scripted(delay_s=delay_s, host=host, port=port) as base_url:
        sys.stdout.write(f"The scripted model listens: OPENAI_BASE_URL={base_url}\n")
        sys.stdout.flush()
        await ended.wait()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m app.scripted_model", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=9100, help="0 takes a free one")
    parser.add_argument("--delay", type=float, default=0.02, help="seconds before each token")
    options = parser.parse_args()
    asyncio.run(_serve_until_signal(host=options.host, port=options.port, delay_s=options.delay))


if __name__ == "__main__":
    main()
