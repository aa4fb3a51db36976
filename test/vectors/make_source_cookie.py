#!/usr/bin/env python3
"""Writes source_cookie.h: cookies of senders of both families, with the standard library's HMAC."""
import hashlib
import hmac
import ipaddress
import pathlib
import struct

SOURCES = [("192.0.2.77", 51820, 0), ("2001:db8::1", 1, 72), ("::ffff:192.0.2.77", 51820, 0),
           ("203.0.113.255", 65535, 72)]


def stream(text, size):
    return hashlib.shake_256(text.encode()).digest(size)


def cookie(secret, address, port, content):
    ip = ipaddress.ip_address(address)
    mapped = ip.packed if ip.version == 6 else bytes(10) + b"\xff\xff" + ip.packed
    return hmac.digest(secret, mapped + struct.pack(">H", port) + content, "sha256")


def literal(data):
    return "{" + ", ".join(f"0x{byte:02x}" for byte in data) + "}"


def main():
    secret = stream("secret", 32)
    lines = ["/* Made by make_source_cookie.py. */", "#pragma once", "", "#include <stdint.h>", "",
             "/* clang-format off */",
             f"static const uint8_t source_cookie_secret[32] = {literal(secret)};",
             "static const struct source_cookie_vector {", "\tconst char *address;",
             "\tuint16_t port;", "\tuint8_t content[72];", "\tunsigned content_size;",
             "\tuint8_t cookie[32];", "} source_cookie_vectors[] = {"]
    for address, port, size in SOURCES:
        content = stream("content of " + address, size)
        made = cookie(secret, address, port, content)
        lines += ["\t{", f'\t\t.address = "{address}",', f"\t\t.port = {port},",
                  f"\t\t.content = {literal(content) if size else '{0}'},",
                  f"\t\t.content_size = {size},", f"\t\t.cookie = {literal(made)},", "\t},"]
    lines += ["};", ""]
    (pathlib.Path(__file__).parent / "source_cookie.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
