#!/usr/bin/env python3
"""Writes cookie.h: MACs and a sealed cookie for fixed keys (whitepaper section 5.4.4 and 5.4.7).

An independent implementation with the standard library's BLAKE2s, python3-cryptography's
ChaCha20-Poly1305 and HChaCha20 as draft-irtf-cfrg-xchacha-03 spells it.
Run it without arguments; the same output comes out every time.
"""
import hashlib
import pathlib
import struct

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def hchacha20(key, nonce):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def rotate(value, bits):
        return (value << bits | value >> (32 - bits)) & 0xffffffff

    def quarter(a, b, c, d):
        for first, second, third, bits in ((a, b, d, 16), (c, d, b, 12),
                                           (a, b, d, 8), (c, d, b, 7)):
            state[first] = (state[first] + state[second]) & 0xffffffff
            state[third] = rotate(state[third] ^ state[first], bits)

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for column in range(4):
            quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<8I", *state[:4], *state[12:])


def xseal(key, nonce, plain, associated):
    subkey = hchacha20(key, nonce[:16])
    return ChaCha20Poly1305(subkey).encrypt(bytes(4) + nonce[16:], plain, associated)


def block(text, size):
    return hashlib.sha512(text.encode()).digest()[:size]


def vector(name, address, port):
    public_key, secret = block(name + " public key", 32), block(name + " secret", 32)
    nonce, body = block(name + " nonce", 24), block(name + " message", 40)
    mac1_key = hashlib.blake2s(b"mac1----" + public_key).digest()
    cookie_key = hashlib.blake2s(b"cookie--" + public_key).digest()
    mac1 = mac(mac1_key, body)
    cookie = mac(secret, address + struct.pack(">H", port))
    return {
        "public_key": public_key, "secret": secret, "nonce": nonce, "body": body, "mac1": mac1,
        "cookie": cookie, "sealed": xseal(cookie_key, nonce, cookie, mac1),
        "mac2": mac(cookie, body + mac1),
    }


def literal(value):
    lines = [", ".join(f"0x{byte:02x}" for byte in value[i:i + 16])
             for i in range(0, len(value), 16)]
    return "{\n\t\t\t" + ",\n\t\t\t".join(lines) + "}"


def main():
    vectors = [
        ("192.0.2.77", 51820, vector("first", bytes([192, 0, 2, 77]), 51820)),
        ("2001:db8::77", 258,
         vector("second", bytes.fromhex("20010db8000000000000000000000077"), 258)),
    ]
    fields = [f"\tuint8_t {name}[{len(value)}];" for name, value in vectors[0][2].items()]
    rows = ["\t{\n" + f'\t\t.address = "{address}",\n\t\t.port = {port},\n'
            + "".join(f"\t\t.{name} = {literal(value)},\n" for name, value in row.items()) + "\t},"
            for address, port, row in vectors]
    text = "\n".join(
        ["/* Made by make_cookie.py. */", "#pragma once", "", "#include <stdint.h>", "",
         "/* clang-format off */", "static const struct cookie_vector {",
         "\tconst char *address;", "\tuint16_t port;", *fields, "} cookie_vectors[] = {", *rows,
         "};", ""])
    (pathlib.Path(__file__).parent / "cookie.h").write_text(text)


if __name__ == "__main__":
    main()
