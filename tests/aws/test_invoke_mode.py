import pytest

from app.aws.invoke_mode import check_invoke_mode


@pytest.mark.parametrize("mode", ["buffered", "response_stream"])
def test_a_mode_of_the_adapter_is_accepted(mode: str) -> None:
    assert check_invoke_mode(mode) == mode


@pytest.mark.parametrize("mode", ["", "stream", "streaming", "Buffered", "RESPONSE_STREAM"])
def test_any_other_mode_is_refused_with_a_sentence(mode: str) -> None:
    with pytest.raises(ValueError) as refused:
        check_invoke_mode(mode)

    sentence = f"AWS_LWA_INVOKE_MODE is {mode!r}; it must be buffered or response_stream."
    assert str(refused.value) == sentence
