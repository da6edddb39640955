"""`app.requests.web_address`: what the model's server is asked to fetch is public."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.requests.web_address import check_web_address, is_public

# What each leads to is written behind it where it does not show.
_PRIVATE_HOSTS = [
    "169.254.169.254",
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "0.0.0.0",
    "0",
    "100.64.0.1",
    "100.100.100.200",  # metadata of Alibaba
    "168.63.129.16",  # metadata of Azure
    "192.0.0.192",  # metadata of Oracle
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "2852039166",  # 169.254.169.254
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "0251.0376.0251.0376",
    "169.254.43518",
    "0x7f.1",
    "0x",
    "8.8.8.8.8",
    "8.8.8",  # 8.8.0.8: public, but no plain spelling
    "08.8.8.8",
    "999.1.1.1",
    "169.254.169.254.",
    "127.0.0.1.",
    "[::1]",
    "[::]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2001::1]",
    "[2001:db8::1]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",  # metadata of AWS
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[1:2]",
    "[....]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "metadata",
    "intranet",
    "metadata.google.internal",
    "Metadata.Google.Internal.",
    "metadata.goog",
    "instance-data.ec2.internal",
    "printer.local",
    "db.corp",
    "router.lan",
    "kubernetes.default.svc",
    "api.svc.cluster.local",
    "1.0.0.127.in-addr.arpa",
    "a..example.com",
    ".example.com",
    "example.com..",
    "-.com",
]
_BAD_SPELLINGS = [
    "http://example.com/a.png",
    "ftp://example.com/a.png",
    "file:///etc/passwd",
    "//example.com/a.png",
    "https:example.com",
    "https:/example.com",
    "https:///example.com",
    "https://",
    "https://:443/",
    "https://user@example.com/",
    "https://example.com@169.254.169.254/",
    "https://example.com:x@169.254.169.254/",
    "https://169.254.169.254\\@example.com/",
    "https://example.com\\.evil.example/",
    "https:\\\\169.254.169.254/",
    "https://169.254\t.169.254/",
    "https://169.254.169.254\n/",
    "ht\ntps://example.com/",
    " https://example.com/",
    "https://example.com/\r\nx",
    "https://%31%36%39.254.169.254/",
    "https://１６９.254.169.254/",
    "https://169。254。169。254/",
    "https://ⓛocalhost/",
    "https://exa\u00admple.com/",
    "https://[::1%25eth0]/",
    "https://[::1/",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:99999999/",
    "https://example.com:١/",
    "https://example.com:/",
    "https://example.com:80:80/",
    "https://exam ple.com/",
    "https://example.com/\ud800",
]


@pytest.mark.parametrize("host", _PRIVATE_HOSTS)
@pytest.mark.parametrize("rest", ["/latest/meta-data/", ":80/", ":443", "?a", "#a", ""])
def test_what_is_not_public_is_refused_in_every_spelling(host: str, rest: str) -> None:
    with pytest.raises(ValueError, match=r"^must name a public host$"):
        check_web_address(f"https://{host}{rest}")


@pytest.mark.parametrize("url", _BAD_SPELLINGS)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an https address with a plain host"):
        check_web_address(url)
    with pytest.raises(ValueError, match=r"^must be an https address with a plain host"):
        check_web_address(url, {"example.com", "169.254.169.254"})


@pytest.mark.parametrize(
    "url",
    [
        "https://files.acme.com/a%20file.png?x=1#y",
        "HTTPS://Files.Acme.COM./é ü.png",
        "https://acme.com:8443",
        "https://acme.com/@127.0.0.1\\x",
        "https://xn--mnchen-3ya.de/",
        "https://my_bucket.s3.eu-west-1.amazonaws.com/a",
        "https://93.184.215.14/a",
        "https://[2606:4700:4700::1111]:443/a",
        "https://127.0.0.1.acme.com/",  # a name; where it points to shows only when it is looked up
        "https://localhost.acme.com/",
        "https://1.2.3.4.de/",
    ],
)
def test_public_addresses_pass(url: str) -> None:
    check_web_address(url)


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("files.acme.com", True),
        ("FILES.acme.com.", True),
        ("x.files.acme.com", False),
        ("a.cdn.acme.com", True),
        ("a.b.cdn.acme.com", True),
        ("cdn.acme.com", False),
        ("xcdn.acme.com", False),
        ("10.0.0.7", True),
        ("[fd00::7]", True),
        ("minio", True),
        ("other.com", False),
        ("127.0.0.1", False),
    ],
)
def test_named_hosts_are_the_only_ones_and_may_be_private(host: str, is_allowed: bool) -> None:
    hosts = {"files.acme.com", "*.cdn.acme.com", "10.0.0.7", "fd00::7", "minio"}
    if is_allowed:
        check_web_address(f"https://{host}/a.png", hosts)
    else:
        with pytest.raises(ValueError, match=r"^names a host that is not in CHAT_FILE_HOSTS$"):
            check_web_address(f"https://{host}/a.png", hosts)


@given(st.ip_addresses())
def test_no_private_address_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    is_reachable = address.is_global and not address.is_multicast

    assert is_reachable or not is_public(str(address))


@given(st.integers(0, 2**32 - 1))
def test_no_ipv4_address_hides_in_an_ipv6_address(number: int) -> None:
    for prefix in ("::", "::ffff:0:0", "64:ff9b::", "::ffff:0:0:0"):
        inside = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + number)
        assert not is_public(str(inside))
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) + (number << 80))))
