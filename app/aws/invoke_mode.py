"""``AWS_LWA_INVOKE_MODE``: whether HTTP responses stream or are sent whole.

The Lambda Web Adapter takes any value that it does not know for ``buffered`` and says nothing. Here
a misspelt value is an error.

Source: aws-lambda-web-adapter 1.0, src/lib.rs (`LambdaInvokeMode`); tried in
tests/aws/test_adapter.py.
"""

INVOKE_MODES = ("buffered", "response_stream")


def check_invoke_mode(mode: str) -> str:
    """Return ``mode``.

    Raises:
        ValueError: it is not one of `INVOKE_MODES`; the message is a sentence for a person.
    """
    if mode not in INVOKE_MODES:
        known = " or ".join(INVOKE_MODES)
        raise ValueError(f"AWS_LWA_INVOKE_MODE is {mode!r}; it must be {known}.")
    return mode
