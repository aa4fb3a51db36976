#!/usr/bin/env python3
"""Writes mighty_vectors.h: whole handshakes with fixed keys, with either cipher, with and without
a cookie.

An independent implementation: it knows doc/protocol/mighty.md, RFC 5869 by the standard library's
HMAC, and the X25519, AES-256-GCM and ChaCha20-Poly1305 of python3-cryptography. Run it without
arguments; the same output comes out every time.
"""
import hashlib
import hmac
import pathlib
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
AEADS = {1: AESGCM, 2: ChaCha20Poly1305}


def stream(text, size):
    """What a random source of that name gives first."""
    return hashlib.shake_256(text.encode()).digest(size)


def hkdf(salt, material, info, size):
    key = hmac.digest(salt or bytes(32), material, "sha256")
    block, out = b"", b""
    for number in range(1, 256):
        if len(out) >= size:
            return out[:size]
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        out += block
    raise ValueError(size)


def mac(key, *parts):
    return hmac.digest(key, b"".join(parts), "sha256")


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(*RAW)


def shared(private, other):
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(other))


def header(kind, session_id, sequence, length):
    return struct.pack(">BBHII", 0x10 | kind, 0, session_id, sequence, length)


def client_hello(keys, fields, cookie):
    body = struct.pack(">H8s32s32sQ8s", *fields["head"])
    body += bytes([len(fields["ciphers"])]) + fields["ciphers"] + b"\0"
    body += bytes([len(cookie)]) + cookie
    body += bytes(1200 - 12 - 32 - len(body))
    top = header(1, 0, 0, 1188)
    return top + body + mac(keys["hello"], top, body)


def item(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


PUSHED = (item(1, b"\4\x18\x0a\x08\0\2")
          + item(1, b"\6\x40" + bytes.fromhex("20010db8" + "00" * 11 + "02"))
          + item(2, b"\4\0\0\0\0\0") + item(3, b"\4\x0a\x08\0\1") + item(4, b"example.org")
          + item(5, struct.pack(">H", 1380)) + item(6, struct.pack(">H", 10))
          + item(7, struct.pack(">I", 600)) + item(8, struct.pack(">I", 1 << 24)))


def handshake(name, offered, allowed, time, pushed, with_cookie):
    psk = stream(name + " psk", 32)
    keys = {word: hkdf(b"", psk, b"mighty " + word.encode(), 32)
            for word in ("hello", "reply", "cookie")}
    client_draws, server_draws = stream(name + " client", 64), stream(name + " server", 76)
    client_random, client_private = client_draws[:32], client_draws[32:]
    server_random, server_private = server_draws[:32], server_draws[32:64]
    client_id, server_id = struct.unpack(">HH", stream(name + " ids", 4))
    instance = stream(name + " instance", 8)
    psk_id = sha(b"mighty id", psk)[:8]
    fields = {"ciphers": offered, "head": (client_id, instance, client_random,
                                           public(client_private), time, psk_id)}
    first = client_hello(keys, fields, b"")
    cookie = stream(name + " cookie", 32)
    answer_top = header(2, client_id, 0, 65)
    answer = answer_top + b"\1" + cookie + mac(keys["cookie"], answer_top, sha(first[12:]),
                                               b"\1", cookie)
    second = client_hello(keys, fields, cookie)
    hello = second if with_cookie else first

    cipher = next(number for number in offered if number in allowed)
    top = header(2, client_id, 0, 100 + 12 + len(pushed) + 16)
    plain = (b"\0" + struct.pack(">H", server_id) + server_random + public(server_private)
             + bytes([cipher]))
    plain += mac(keys["reply"], top, sha(hello[12:]), plain)
    derived = hkdf(client_random + server_random,
                   shared(client_private, public(server_private)) + psk,
                   b"mighty v1" + sha(hello[12:], plain), 128)
    client_hs, server_hs, client_data, server_data = (derived[i:i + 32]
                                                      for i in range(0, 128, 32))
    nonce = server_draws[64:]
    server_hello = top + plain + nonce + AEADS[cipher](server_hs).encrypt(nonce, pushed,
                                                                          top + plain)
    last_nonce = stream(name + " nonce", 12)
    last_top = header(3, server_id, 0, 60)
    digest = sha(hello[12:], server_hello[12:])
    finalize = last_top + last_nonce + AEADS[cipher](client_hs).encrypt(last_nonce, digest,
                                                                        last_top)
    return {"psk": psk, "psk_id": psk_id, "instance": instance, "offered": offered,
            "allowed": allowed, "cipher": cipher, "client_id": client_id, "server_id": server_id,
            "time": time, "client_draws": client_draws, "server_draws": server_draws,
            "pushed": pushed, "with_cookie": int(with_cookie), "cookie": cookie, "first": first,
            "cookie_answer": answer, "second": second, "server_hello": server_hello,
            "finalize_nonce": last_nonce, "finalize": finalize, "client_data": client_data,
            "server_data": server_data}


SLICES = {"offered", "allowed", "pushed", "server_hello"}
TYPES = {"cipher": "uint8_t", "client_id": "uint16_t", "server_id": "uint16_t",
         "time": "uint64_t", "with_cookie": "bool"}


def declaration(name, value):
    if name in TYPES:
        return f"{TYPES[name]} {name}"
    return f"struct slice {name}" if name in SLICES else f"uint8_t {name}[{len(value)}]"


def literal(name, value):
    if isinstance(value, int):
        return f"{value}u"
    if not value:
        return "{NULL, 0}"
    rows = (", ".join(f"0x{byte:02x}" for byte in value[i:i + 16])
            for i in range(0, len(value), 16))
    lines = ",\n\t\t\t".join(rows)
    if name in SLICES:
        return f"{{(const uint8_t[]){{\n\t\t\t{lines}}}, {len(value)}}}"
    return f"{{\n\t\t\t{lines}}}"


def main():
    vectors = [
        handshake("aes", b"\1\2", b"\2\1", 1700000000000, PUSHED, False),
        handshake("chacha", b"\2\1", b"\1\2", 1700000000001, PUSHED, True),
        handshake("fallback", b"\1\2", b"\2", 1, b"", True),
        handshake("only aes", b"\1", b"\1", 2**64 - 2, item(4, b"a.example") * 16, False),
        # The last: a server that seals what no server should say, a keepalive of no time.
        handshake("liar", b"\1\2", b"\1", 1700000000000, item(6, b"\0\0"), False),
    ]
    fields = [f"\t{declaration(*entry)};" for entry in vectors[0].items()]
    rows = ["\t{\n" + "".join(f"\t\t.{name} = {literal(name, value)},\n"
                              for name, value in vector.items()) + "\t},"
            for vector in vectors]
    lines = ["/* Made by make_mighty.py. */", "#pragma once", "", "#include <stdbool.h>",
             "#include <stdint.h>", "", '#include "base/slice.h"', "", "/* clang-format off */",
             "static const struct mighty_vector {", *fields, "} mighty_vectors[] = {", *rows,
             "};", ""]
    (pathlib.Path(__file__).parent / "mighty_vectors.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
