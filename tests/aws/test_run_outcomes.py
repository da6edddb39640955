"""The three ways in which a streamed answer ends, as `make outcomes` shows them."""

import io

import pytest

from examples.run_outcomes import run_outcomes


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_every_function_ends_as_its_name_says() -> None:
    out = io.StringIO()

    endings = await run_outcomes(out, io.StringIO())

    assert endings == ["complete", "error", "timeout"]
    lines = out.getvalue().splitlines()
    assert lines[:5] == [
        "happy_path",
        "  arrived: line 1 of 3",
        "  arrived: line 2 of 3",
        "  arrived: line 3 of 3",
        "  ended:   complete",
    ]
    assert lines[5:8] == [
        "midstream_error",
        "  arrived: line 1 of 3",
        "  arrived: line 2 of 3",
    ]
    assert lines[8] == (
        "  ended:   error: The function failed with Function.RuntimeError: "
        "something went wrong after the second line"
    )
    assert lines[9:11] == ["timeout", "  arrived: line 1 of 3"]
    assert lines[11].startswith("  ended:   timeout: ")
