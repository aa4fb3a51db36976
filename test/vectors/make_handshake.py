#!/usr/bin/env python3
"""Writes wireguard_handshake.h: whole handshakes with fixed keys, as the whitepaper has them.

An independent implementation: it knows the whitepaper's formulas (section 5.4.2 to 5.4.5), the
standard library's BLAKE2s and HMAC, and the X25519 and ChaCha20-Poly1305 of python3-cryptography.
Run it without arguments; the same output comes out every time.
"""
import hashlib
import hmac
import pathlib
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"


def hash_(data):
    return hashlib.blake2s(data).digest()


def kdf(count, key, data):
    prk = hmac.new(key, data, hashlib.blake2s).digest()
    block, blocks = b"", []
    for i in range(count):
        block = hmac.new(prk, block + bytes([i + 1]), hashlib.blake2s).digest()
        blocks.append(block)
    return blocks


def seal(key, plain, associated):
    return ChaCha20Poly1305(key).encrypt(bytes(12), plain, associated)


def public(private):
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(*raw)


def shared(private, other):
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(other))


def secret(text):
    return hashlib.sha256(text.encode()).digest()


def handshake(name, preshared, sender_i, sender_r, timestamp):
    s_i, s_r = secret(name + " static of initiator"), secret(name + " static of responder")
    e_i, e_r = secret(name + " ephemeral of initiator"), secret(name + " ephemeral of responder")

    c = hash_(CONSTRUCTION)
    h = hash_(hash_(c + IDENTIFIER) + public(s_r))
    # The first message
    ephemeral = public(e_i)
    c, = kdf(1, c, ephemeral)
    h = hash_(h + ephemeral)
    c, key = kdf(2, c, shared(e_i, public(s_r)))
    static = seal(key, public(s_i), h)
    h = hash_(h + static)
    c, key = kdf(2, c, shared(s_i, public(s_r)))
    sealed_timestamp = seal(key, timestamp, h)
    h = hash_(h + sealed_timestamp)
    initiation = (b"\1\0\0\0" + struct.pack("<I", sender_i) + ephemeral + static
                  + sealed_timestamp + bytes(32))
    # The second message, as the responder computes it
    ephemeral = public(e_r)
    c, = kdf(1, c, ephemeral)
    h = hash_(h + ephemeral)
    c, = kdf(1, c, shared(e_r, public(e_i)))
    c, = kdf(1, c, shared(e_r, public(s_i)))
    c, tau, key = kdf(3, c, preshared)
    h = hash_(h + tau)
    empty = seal(key, b"", h)
    response = (b"\2\0\0\0" + struct.pack("<II", sender_r, sender_i) + ephemeral + empty
                + bytes(32))
    to_responder, to_initiator = kdf(2, c, b"")
    return {
        "initiator_private": s_i, "responder_private": s_r,
        "initiator_ephemeral": e_i, "responder_ephemeral": e_r,
        "preshared": preshared, "timestamp": timestamp,
        "initiator_index": sender_i, "responder_index": sender_r,
        "initiation": initiation, "response": response,
        "to_responder": to_responder, "to_initiator": to_initiator,
    }


def literal(value):
    if isinstance(value, int):
        return f"0x{value:08x}"
    lines = [", ".join(f"0x{byte:02x}" for byte in value[i:i + 16])
             for i in range(0, len(value), 16)]
    return "{\n\t\t\t" + ",\n\t\t\t".join(lines) + "}"


def main():
    vectors = [
        handshake("plain", bytes(32), 0x01020304, 0xa0b0c0d0,
                  struct.pack(">QI", (1 << 62) + 10 + 1700000000, 0x1d000000)),
        handshake("preshared", secret("preshared key"), 0xffffffff, 0,
                  struct.pack(">QI", (1 << 62) + 10 + 1, 0)),
        handshake("other", secret("another preshared key"), 0, 0x80000001,
                  bytes(range(0xf0, 0xfc))),
    ]
    fields = ["\t%s;" % ("uint32_t " + name if isinstance(value, int)
                         else f"uint8_t {name}[{len(value)}]")
              for name, value in vectors[0].items()]
    rows = ["\t{\n" + "".join(f"\t\t.{name} = {literal(value)},\n"
                              for name, value in vector.items()) + "\t},"
            for vector in vectors]
    text = "\n".join(
        ["/* Made by make_handshake.py; mac1 and mac2 are zero. */", "#pragma once", "",
         "#include <stdint.h>", "", "/* clang-format off */",
         "static const struct handshake_vector {", *fields, "} handshake_vectors[] = {", *rows,
         "};", ""])
    (pathlib.Path(__file__).parent / "wireguard_handshake.h").write_text(text)


if __name__ == "__main__":
    main()
