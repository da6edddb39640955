"""`app.examples.slow_process`: a tool that counts its steps."""

import pytest

from app.events import Status, ToolOutputAvailable
from app.examples.slow_process import slow_process
from app.tools.definition import InvalidToolInput
from app.tools.valid_call import validate
from tests.examples.example import called


async def test_the_slow_process_counts_its_steps() -> None:
    assert await called(slow_process, message="hello", steps=2) == [
        Status("Starting: hello", "c1"),
        Status("Step 1/2 complete...", "c1"),
        Status("Step 2/2 complete...", "c1"),
        ToolOutputAvailable("c1", {"status": "success", "message": "Processed in 2 steps"}),
    ]


@pytest.mark.parametrize("steps", [0, -1, 101])
def test_the_slow_process_takes_a_sensible_number_of_steps(steps: int) -> None:
    with pytest.raises(InvalidToolInput, match="steps: Input should be"):
        validate(slow_process, "c1", {"message": "x", "steps": steps})
