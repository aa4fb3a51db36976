#!/usr/bin/env python3
"""Writes phantom_vectors.h: whole handshakes with fixed keys, over each carrier.

An independent implementation: it knows the formulas of the Noise Protocol Framework (sections 4.3,
5.1, 5.2 and the pattern IK of 7.5) and of doc/protocol/phantom.md, the standard library's SHA-256,
HMAC and base64, and the X25519 and ChaCha20-Poly1305 of python3-cryptography. Run it without
arguments; the same output comes out every time.
"""
import base64
import hashlib
import hmac
import pathlib
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

NAME = b"Noise_IK_25519_ChaChaPoly_SHA256"
RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
CARRIERS = {"tls": 0, "quic": 1, "ws": 2, "dns": 3}


class Symmetric:
    """SymmetricState with its CipherState (section 5.2)."""

    def __init__(self, prologue):
        self.h = NAME if len(NAME) <= 32 else hashlib.sha256(NAME).digest()
        self.ck, self.k, self.n = self.h, None, 0
        self.mix_hash(prologue)

    def hkdf(self, material):
        temp = hmac.digest(self.ck, material, "sha256")
        first = hmac.digest(temp, b"\1", "sha256")
        return first, hmac.digest(temp, first + b"\2", "sha256")

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, material):
        self.ck, self.k = self.hkdf(material)
        self.n = 0

    def seal(self, plain):
        sealed = ChaCha20Poly1305(self.k).encrypt(struct.pack("<IQ", 0, self.n), plain, self.h)
        self.n += 1
        self.mix_hash(sealed)
        return sealed


def public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(*RAW)


def shared(private, other):
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(other))


def stream(text, size):
    """What a random source of that name gives first."""
    return hashlib.shake_256(text.encode()).digest(size)


def hello(flags, timestamp, random, padding):
    return struct.pack(">BBQ", 1, flags, timestamp) + random + padding


def handshake(name, carrier, flags, timestamps, paddings):
    s_i, s_r = stream(name + " static of client", 32), stream(name + " static of server", 32)
    exporter = stream(name + " exporter", 32)
    bound = exporter if carrier in ("tls", "quic") else bytes(32)
    prologue = b"PHTN" + bytes([1, CARRIERS[carrier]]) + bound
    draws = [stream(f"{name} randomness of {end}", 16 + paddings[i] + 32)
             for i, end in enumerate(("client", "server"))]
    randoms = [draw[:16] for draw in draws]
    fill = [draw[16:-32] for draw in draws]
    e_i, e_r = [draw[-32:] for draw in draws]

    both = Symmetric(prologue)
    both.mix_hash(public(s_r))
    # -> e, es, s, ss
    both.mix_hash(public(e_i))
    both.mix_key(shared(e_i, public(s_r)))
    sealed_static = both.seal(public(s_i))
    both.mix_key(shared(s_i, public(s_r)))
    first = public(e_i) + sealed_static + both.seal(
        hello(flags[0], timestamps[0], randoms[0], fill[0]))
    # <- e, ee, se: as the responder computes them
    both.mix_hash(public(e_r))
    both.mix_key(shared(e_r, public(e_i)))
    both.mix_key(shared(e_r, public(s_i)))
    second = public(e_r) + both.seal(hello(flags[1], timestamps[1], randoms[1], fill[1]))
    to_server, to_client = both.hkdf(b"")
    return {
        "client_private": s_i, "server_private": s_r, "exporter": exporter,
        "carrier": CARRIERS[carrier], "padding_enabled": flags, "timestamp": timestamps,
        "padding_size": paddings, "client_draws": draws[0], "server_draws": draws[1],
        "client_random": randoms[0], "server_random": randoms[1],
        "first": first, "second": second, "first_text": text(first), "second_text": text(second),
        "to_server": to_server, "to_client": to_client, "hash": both.h,
    }


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


SLICES = {"client_draws", "server_draws", "first", "second"}
TYPES = {"padding_enabled": "bool %s[2]", "timestamp": "uint64_t %s[2]",
         "padding_size": "size_t %s[2]", "carrier": "unsigned %s"}


def declaration(name, value):
    if name in TYPES:
        return TYPES[name] % name
    if isinstance(value, str):
        return "const char *" + name
    return f"struct slice {name}" if name in SLICES else f"uint8_t {name}[{len(value)}]"


def row(data):
    return ", ".join(f"0x{byte:02x}" for byte in data)


def literal(name, value):
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int):
        return f"{value}u"
    if isinstance(value, tuple):
        return "{" + ", ".join(f"{number}u" for number in value) + "}"
    lines = ",\n\t\t\t".join(row(value[i:i + 16]) for i in range(0, len(value), 16))
    if name in SLICES:
        return f"{{(const uint8_t[]){{\n\t\t\t{lines}}}, {len(value)}}}"
    return f"{{\n\t\t\t{lines}}}"


def main():
    vectors = [
        handshake("smallest", "tls", (1, 1), (1700000000000, 1700000000123), (0, 0)),
        handshake("padded", "tls", (0, 1), (1, 2**64 - 1), (37, 200)),
        handshake("quic", "quic", (1, 0), (1700000000000, 0), (5, 6)),
        handshake("ws", "ws", (0, 0), (1700000000000, 1700000000000), (0, 1)),
        handshake("dns", "dns", (1, 1), (2**63, 1700000000000), (1024, 1024)),
    ]
    fields = [f"\t{declaration(*item)};" for item in vectors[0].items()]
    rows = ["\t{\n" + "".join(f"\t\t.{name} = {literal(name, value)},\n"
                              for name, value in vector.items()) + "\t},"
            for vector in vectors]
    lines = ["/* Made by make_phantom.py. [0] is the client's, [1] the server's. */", "#pragma once",
             "", "#include <stdbool.h>", "#include <stdint.h>", "", '#include "base/slice.h"', "",
             "/* clang-format off */", "static const struct phantom_vector {", *fields,
             "} phantom_vectors[] = {", *rows, "};", ""]
    (pathlib.Path(__file__).parent / "phantom_vectors.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
