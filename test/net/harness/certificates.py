"""Certificates that no tool makes: those whose time is over."""

from __future__ import annotations

import datetime
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

DAY = datetime.timedelta(days=1)


def expire(certificate: pathlib.Path, authority: pathlib.Path) -> None:
    """Issues it anew, as it is, with a day that was over yesterday; authority: its ca.pem."""
    old = x509.load_pem_x509_certificate(certificate.read_bytes())
    key = load_pem_private_key(authority.with_suffix(".key").read_bytes(), None)
    now = datetime.datetime.utcnow()
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now - DAY)
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    certificate.write_bytes(builder.sign(key, None).public_bytes(Encoding.PEM))
