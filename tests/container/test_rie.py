"""The image's runtime target as AWS's own emulator starts it, as a process of this machine."""

from pathlib import Path

import pytest

from tests.chatting import data_body
from tests.container.entrypoint import COMMAND, ROOT, environment
from tests.rie import invoked, under_rie

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.mark.parametrize("handler", [None, "examples.words.handler"])
def test_the_runtime_target_answers_under_the_emulator_of_aws(
    handler: str | None, tmp_path: Path
) -> None:
    """It hands over the last word of the command as the handler, which is no handler of ours."""
    environ = environment(CHAT_PROVIDER="scripted", AWS_LAMBDA_FUNCTION_TIMEOUT="20")
    if handler is not None:
        environ["_HANDLER"] = handler
    words = [] if handler is None else [handler]
    with under_rie([*COMMAND, "runtime", *words], environ, ROOT) as (url, process):
        answer = invoked(url, data_body("scenario: text tokens=3"))
        assert process.poll() is None

    if handler is None:
        assert b'\n0:"word0"\n' in answer.content
    else:
        assert b"word0" not in answer.content
    assert answer.status_code == 200
