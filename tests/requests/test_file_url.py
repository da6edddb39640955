"""`app.requests.file_url`: data URLs and web addresses."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.messages import FilePart, TextPart
from app.requests.file_url import FileUrl, file_part, read_base64, read_url

_PLAIN = r"must be an https address with a plain host \(ASCII, without a user\) or a data URL"
WEB = "https://files.acme.com/a%20file.png?x=1"


@given(st.binary())
def test_any_bytes_come_out_of_a_data_url(content: bytes) -> None:
    base64 = b64encode(content).decode()
    percent = "".join(f"%{byte:02x}" for byte in content)

    expected = FileUrl(None, "image/png", base64)
    assert read_url(f"data:image/png;base64,{base64}") == expected
    assert read_url(f"data:image/png,{percent}") == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (WEB, FileUrl(WEB)),
        ("HTTPS://files.acme.com/é", FileUrl("HTTPS://files.acme.com/é")),
        ("DATA:Image/PNG;name=a.png;BASE64,AAAA", FileUrl(None, "image/png", "AAAA")),
        ("data:;base64,AAAA", FileUrl(None, "", "AAAA")),
        ("data:,Hi", FileUrl(None, "", "SGk=")),
        ("data:base64,Hi", FileUrl(None, "base64", "SGk=")),
        ("data:text/plain;base64,SGk%3D", FileUrl(None, "text/plain", "SGk=")),
        ("data:text/plain;base64,", FileUrl(None, "text/plain", "")),
        ("data:text/plain,a,b", FileUrl(None, "text/plain", "YSxi")),
    ],
)
def test_urls_are_taken_apart(url: str, expected: FileUrl) -> None:
    assert read_url(url) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "must be an https or data URL"),
        ("http://files.acme.com/a.png", "must be an https or data URL"),
        ("javascript:alert(1)", "must be an https or data URL"),
        ("/relative.png", "must be an https or data URL"),
        ("", "must be an https or data URL"),
        ("https:", _PLAIN),
        ("https://", _PLAIN),
        ("https:example.com", _PLAIN),
        ("https://example.com/\n", _PLAIN),
        ("https://example.com/\ud800", _PLAIN),
        ("data:", "is a broken data URL"),
        ("data:image/png;base64", "is a broken data URL"),
        ("data:image/png;base64,A", "is a broken data URL"),
        ("data:image/png;base64,AAA", "is a broken data URL"),
        ("data:image/png;base64,AA-_", "is a broken data URL"),
        ("data:image/png;base64,é", "is a broken data URL"),
        ("data:text/plain,\ud800", "is a broken data URL"),
    ],
)
def test_other_urls_are_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        read_url(url)


def test_only_the_named_hosts_are_passed() -> None:
    url = "https://minio/a.png"

    assert read_url(url, {"minio"}) == FileUrl(url)
    with pytest.raises(ValueError, match=r"^must name a public host$"):
        read_url(url)
    with pytest.raises(ValueError, match=r"^names a host that is not in CHAT_FILE_HOSTS$"):
        read_url(WEB, {"minio"})


def test_bare_base64_is_checked() -> None:
    assert read_base64("AAAA") == FileUrl(None, "", "AAAA")
    with pytest.raises(ValueError, match=r"^must be base64$"):
        read_base64("AAA")


@pytest.mark.parametrize(
    ("declared", "url", "media_type"),
    [
        ("image/png", WEB, "image/png"),
        ("Image/SVG+XML; charset=utf-8", WEB, "image/svg+xml"),
        ("image/webp", "data:image/png;base64,AAAA", "image/webp"),
        ("", "data:image/png;base64,AAAA", "image/png"),
        ("image/*", "data:image/png;base64,AAAA", "image/png"),
        ("image", "data:image/png;base64,AAAA", "image/png"),
        ("image/*", WEB, "image/*"),
        ("image", WEB, "image/*"),
        ("audio", "data:,x", "audio/*"),
        ("", WEB, "application/octet-stream"),
        ("é,\n", "data:;base64,AAAA", "application/octet-stream"),
    ],
)
def test_the_media_type_is_the_most_exact_one_known(
    declared: str, url: str, media_type: str
) -> None:
    part = file_part(read_url(url), declared, "a")

    assert isinstance(part, FilePart)
    assert part.media_type == media_type
    assert part.filename == "a"


def test_a_data_url_is_written_anew_as_the_models_api_wants_it() -> None:
    part = file_part(read_url("DATA:image/png;name=x;base64,AAAA"), "image/png", None)

    assert part == FilePart("image/png", "data:image/png;base64,AAAA")


def test_a_web_address_is_left_as_it_is_whatever_its_type() -> None:
    assert file_part(read_url(WEB), "text/plain", "a.txt") == FilePart("text/plain", WEB, "a.txt")


@pytest.mark.parametrize(
    ("declared", "url", "filename", "text"),
    [
        ("text/plain", "data:text/plain;base64,SMOp", "a.txt", "a.txt:\n\nHé"),
        ("", "data:text/csv,a;b", None, "a;b"),
        ("text/markdown", "data:,%EF%BB%BF%23", "", "#"),
        ("text", "data:,x", None, "x"),
        ("text/plain", "data:,caf%E9", None, "caf\ufffd"),
    ],
)
def test_a_text_file_in_a_data_url_becomes_text_with_its_name(
    declared: str, url: str, filename: str | None, text: str
) -> None:
    assert file_part(read_url(url), declared, filename) == TextPart(text)
