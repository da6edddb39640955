"""What is said of somebody else's exception: never what it holds."""

import errno
import socket
import ssl

import aiohttp
import httpx2
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from app.causes import described, has_errno, or_lack_of_descriptors, text_of
from app.errors import OutOfDescriptors

KEY = "sk-0123456789abcdef"


def request_bearing() -> aiohttp.ClientResponseError:
    headers = CIMultiDictProxy(CIMultiDict(Authorization=f"Bearer {KEY}"))
    info = aiohttp.RequestInfo(URL("http://model/v1"), "POST", headers, URL("http://model/v1"))
    return aiohttp.ClientResponseError(info, (), status=502, message=f"odd: {KEY}")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def test_an_exception_that_holds_a_request_is_named_with_its_status() -> None:
    assert described(request_bearing()) == "ClientResponseError (status 502)"
    assert text_of(request_bearing()) == "ClientResponseError (status 502)"


def test_the_causes_are_named_once() -> None:
    first = raised(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
    error = raised(httpx2.ConnectError("no"), raised(ConnectionRefusedError(111, "x"), first))

    assert described(error) == "ConnectError, from ConnectionRefusedError (ECONNREFUSED)"


def test_a_cause_that_was_suppressed_is_not_named() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer") from None
    except ValueError as error:
        assert described(error) == "ValueError"


def test_a_context_is_a_cause() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer")  # noqa: B904
    except ValueError as error:
        assert described(error) == "ValueError, from KeyError"


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one

    assert described(one) == "ValueError, from KeyError"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.EMFILE, "x"), "OSError (EMFILE)"),
        (ConnectionResetError("Connection lost"), "ConnectionResetError (Connection lost)"),
        (OSError(99999, "odd"), "OSError (odd)"),
        (socket.gaierror(-2, "Name not known"), "gaierror (Name not known)"),
        (TimeoutError(), "TimeoutError"),
        (aiohttp.ServerDisconnectedError(KEY), "ServerDisconnectedError"),
        (aiohttp.ClientOSError(None, KEY), "ClientOSError"),
    ],
)
def test_the_systems_own_reason_is_said(error: OSError, text: str) -> None:
    assert described(error) == text


def test_the_reason_of_a_tls_failure_is_said() -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    error.reason = "CERTIFICATE_VERIFY_FAILED"

    assert described(error) == "SSLCertVerificationError (CERTIFICATE_VERIFY_FAILED)"

    error.verify_message = "certificate has expired"

    assert described(error) == (
        "SSLCertVerificationError (CERTIFICATE_VERIFY_FAILED, certificate has expired)"
    )


def test_the_text_of_other_exceptions_is_masked() -> None:
    assert text_of(ValueError("Bearer abcDEF0123456789")) == "Bearer [secret]"


def test_an_error_of_the_system_is_found_among_the_causes() -> None:
    error = raised(httpx2.ConnectError("no"), OSError(errno.EMFILE, "x"))

    assert has_errno(error, errno.ENFILE, errno.EMFILE)
    assert not has_errno(error, errno.EACCES)


def test_a_lack_of_descriptors_is_an_error_of_ours_wherever_it_is_met() -> None:
    met = raised(RuntimeError("import failed"), OSError(errno.EMFILE, "x"))
    assert isinstance(met, Exception)

    lack = or_lack_of_descriptors(met)

    assert isinstance(lack, OutOfDescriptors)
    assert lack.__cause__ is met
    assert or_lack_of_descriptors(lack) is lack
    defect = ValueError()
    assert or_lack_of_descriptors(defect) is defect
