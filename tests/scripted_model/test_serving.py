"""The scripted model's server: it starts, streams, and ends."""

import asyncio
import socket

import pytest
from openai import APIConnectionError

from app.scripted_model.control import Control
from app.scripted_model.serving import listen, serve_scripted
from tests.scripted_model.client import HELLO, client_of


async def test_text_streams_token_by_token_over_a_socket() -> None:
    async with serve_scripted(delay_s=0) as url, client_of(url) as client:
        stream = await client.chat.completions.create(model="scripted", messages=HELLO, stream=True)
        pieces = [chunk.choices[0].delta.content async for chunk in stream]

    assert len(pieces) > 5
    assert "Parrot é漢字😀" in "".join(piece or "" for piece in pieces)


async def test_the_server_ends_at_once_although_a_stream_is_open() -> None:
    control = Control()
    async with client_of("http://127.0.0.1") as client:
        async with serve_scripted(control, delay_s=60) as url:
            stream = await client.with_options(base_url=url).chat.completions.create(
                model="scripted", messages=HELLO, stream=True
            )
            port = int(url.split(":")[2].split("/")[0])
        await stream.close()

        with pytest.raises(APIConnectionError):
            await client.with_options(base_url=url).models.list()

    assert (control.open_streams, control.left_by_client) == (0, 0)
    with socket.create_server(("127.0.0.1", port)):
        pass  # the address is free again


async def test_two_models_run_side_by_side() -> None:
    one, two = Control(), Control()

    async with (
        serve_scripted(one, delay_s=0) as first,
        serve_scripted(two, delay_s=0) as second,
        client_of(first) as client,
    ):
        await client.models.list()
        await client.with_options(base_url=second).models.retrieve("any")

    assert [request.path for request in one.requests] == ["/v1/models"]
    assert [request.path for request in two.requests] == ["/v1/models/any"]


async def test_small_writes_leave_at_once() -> None:
    no_delay: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        option = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
        no_delay.set_result(writer.get_extra_info("socket").getsockopt(*option))
        writer.close()

    listener = listen("127.0.0.1", 0)
    async with await asyncio.start_server(accepted, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())

        assert await no_delay == 1

        writer.close()
        await writer.wait_closed()


async def test_an_address_in_use_is_an_error() -> None:
    async with serve_scripted() as url:
        port = int(url.split(":")[2].split("/")[0])

        with pytest.raises(OSError, match="in use"):
            async with serve_scripted(port=port):
                pass


async def test_the_address_may_be_of_version_6() -> None:
    async with serve_scripted(host="::1", delay_s=0) as url, client_of(url) as client:
        models = await client.models.list()

    assert url.startswith("http://[::1]:")
    assert models.data


async def test_many_streams_can_run_at_once() -> None:
    control = Control()

    async with serve_scripted(control, delay_s=0) as url, client_of(url) as client:

        async def words(count: int) -> int:
            text = f"scenario: text tokens={count} delay=0.001"
            stream = await client.chat.completions.create(
                model="scripted", messages=[{"role": "user", "content": text}], stream=True
            )
            return len([chunk async for chunk in stream])

        lengths = await asyncio.gather(*map(words, range(1, 21)))

    assert lengths == [count + 2 for count in range(1, 21)]
    assert control.open_streams == 0
