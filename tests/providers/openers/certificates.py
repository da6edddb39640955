"""Certificates, made for one run: of an authority that the tests trust, and of one they do not."""

import datetime
import functools
import hashlib
import ssl
from pathlib import Path

import trustme
from cryptography import x509

DAY = datetime.timedelta(days=1)


@functools.cache
def trusted() -> trustme.CA:
    return trustme.CA(organization_name="Trusted")


@functools.cache
def unknown() -> trustme.CA:
    return trustme.CA(organization_name="Unknown")


@functools.cache
def server_tls(
    *names: str, authority: trustme.CA | None = None, begins_in_days: int = -1, days: int = 30
) -> ssl.SSLContext:
    """Return what a server with a certificate for ``names`` needs (its own address, if none)."""
    begin = datetime.datetime.now(datetime.UTC) + begins_in_days * DAY
    certificate = (authority or trusted()).issue_cert(
        *(names or ("127.0.0.1", "localhost")), not_before=begin, not_after=begin + days * DAY
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def write_file(authority: trustme.CA, folder: Path) -> Path:
    """Write a file for SSL_CERT_FILE."""
    path = folder / "authorities.pem"
    authority.cert_pem.write_to_path(path)
    return path


def write_folder(authority: trustme.CA, folder: Path) -> Path:
    """Write a folder for SSL_CERT_DIR, in which OpenSSL finds an authority by its name's hash.

    Source: OpenSSL 3, crypto/x509/x509_cmp.c (`X509_NAME_hash_ex`): SHA-1 of the name in a
    canonical form, which is in lower case and without the outermost header.
    """
    authority_name = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
    lower = [
        x509.NameAttribute(attribute.oid, str(attribute.value).lower())
        for attribute in authority_name
    ]
    canonical = x509.Name(lower).public_bytes()[2:]
    number = int.from_bytes(hashlib.sha1(canonical).digest()[:4], "little")
    authority.cert_pem.write_to_path(folder / f"{number:08x}.0")
    return folder
