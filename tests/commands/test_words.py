"""``deltaline words`` in the terminal."""

import pytest

from app.cli import main


def test_the_command_streams_a_sentence(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    status = main(["words", "--delay", "0", "--format", "text", "--sentence", "Grüße an alle"])

    assert status == 0
    assert capsysbinary.readouterr().out == "Grüße an alle\n".encode()


def test_a_delay_out_of_bounds_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["words", "--delay", "61"])

    assert ended.value.code == 2
    assert "argument --delay: must be between 0 and 60 seconds" in capsys.readouterr().err
