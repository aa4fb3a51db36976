#!/usr/bin/env python3
"""Writes chain_vectors.h: certificates of a root and an authority below it, good ones and odd ones.

An independent implementation: the X.509 of python3-cryptography, with fixed keys and serial
numbers. Run it without arguments; the same output comes out every time, as Ed25519 draws nothing.
"""
import datetime
import hashlib
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FROM, UNTIL = datetime.datetime(2020, 1, 1), datetime.datetime(2090, 1, 1)
RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
PEM = serialization.Encoding.PEM
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])


def key_of(text):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(text.encode()).digest())


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def usage(authority):
    return x509.KeyUsage(
        digital_signature=not authority, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=authority, crl_sign=authority,
        encipher_only=False, decipher_only=False)


def make(subject, key, issuer, signer, authority=False, extensions=()):
    serial = int.from_bytes(hashlib.sha256(f"{subject}{issuer}".encode()).digest()[:15], "big")
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(subject)).issuer_name(name_of(issuer)).public_key(key.public_key())
        .serial_number(serial).not_valid_before(FROM).not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(usage(authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                       False))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, None)


def revoke(issuer, signer, certificates):
    builder = (x509.CertificateRevocationListBuilder().issuer_name(name_of(issuer))
               .last_update(FROM).next_update(UNTIL)
               .add_extension(x509.CRLNumber(1), False)
               .add_extension(
                   x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False))
    for certificate in certificates:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
            .revocation_date(FROM).build())
    return builder.sign(signer, None)


def names(*items):
    return x509.SubjectAlternativeName(items)


def lines(name, items):
    text = "".join(item.public_bytes(PEM).decode() for item in items)
    body = "\n".join(f'\t"{line}\\n"' for line in text.splitlines())
    return f"static const char {name}[] =\n{body};\n"


def main():
    root_key, below_key, server_key = key_of("root"), key_of("below"), key_of("server")
    root = make("Root", root_key, "Root", root_key, True)
    below = make("Below", below_key, "Root", root_key, True)
    dns = names(x509.DNSName("vpn.example.org"))
    mail = names(x509.DNSName("phone"), x509.RFC822Name("alice@example.org"))

    def issue(subject, key, *extensions):
        return make(subject, key, "Below", below_key, False, extensions)

    server = issue("server", server_key, (dns, False), (SERVER, False))
    client = issue("Alice of Example", key_of("client"), (mail, False), (CLIENT, False))
    revoked = issue("bob", key_of("bob"), (CLIENT, False))
    nobody = issue("", key_of("nobody"), (names(x509.DNSName("phone")), True), (CLIENT, False))
    unmarked = issue("unmarked", key_of("unmarked"), (dns, False))
    ecdsa = issue("ecdsa", ec.derive_private_key(12345, ec.SECP256R1()), (dns, False),
                  (SERVER, False))
    deep = make("deep", key_of("deep"), "server", server_key, False,
                ((dns, False), (SERVER, False)))
    lists = [revoke("Root", root_key, []), revoke("Below", below_key, [revoked])]
    parts = {
        "chain_root": [root], "chain_list": lists,
        "chain_server": [server, below], "chain_client": [client, below],
        "chain_revoked": [revoked, below], "chain_nobody": [nobody, below],
        "chain_unmarked": [unmarked, below], "chain_ecdsa": [ecdsa, below],
        "chain_below_leaf": [deep, server, below],
    }
    raw = server_key.public_key().public_bytes(*RAW)
    key = ", ".join(f"0x{byte:02x}" for byte in raw)
    out = "#pragma once\n\n#include <stdint.h>\n\n"
    out += "/* Made by make_chain.py: valid from 2020 to 2090. */\n\n"
    out += "#define CHAIN_VECTORS_NOW INT64_C(1800000000)\n\n"
    out += f"static const uint8_t chain_server_key[] = {{{key}}};\n"
    out += "".join(lines(name, items) for name, items in parts.items())
    pathlib.Path(__file__).with_name("chain_vectors.h").write_text(out)


main()
