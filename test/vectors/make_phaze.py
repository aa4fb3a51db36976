#!/usr/bin/env python3
"""Writes phaze_vectors.h: whole handshakes with fixed keys, by password and certificates, with and
without a cookie and a ticket, and a chain of rekeys.

An independent implementation: it knows doc/protocol/phaze.md, RFC 5869 by the standard library's
HMAC, and X25519, Ed25519, AES-256-GCM and ChaCha20-Poly1305 of python3-cryptography. Run it without
arguments; the same output comes out every time.
"""
import hashlib
import hmac
import pathlib
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
AEADS = {1: ChaCha20Poly1305, 2: AESGCM}
NOTHING = hashlib.sha256(b"").digest()
HELLO, RETRY, SERVER_HELLO, SERVER_AUTH, CLIENT_AUTH, ACCEPT = range(1, 7)
PASSWORD, CERTIFICATE = 1, 2


def stream(text, size):
    """What a random source of that name gives first."""
    return hashlib.shake_256(text.encode()).digest(size)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def extract(salt, material):
    return hmac.digest(salt, material, "sha256")


def expand(secret, label, context):
    label = b"phaze1 " + label
    info = b"\0\x20" + bytes([len(label)]) + label + bytes([len(context)]) + context
    return hmac.digest(secret, info + b"\1", "sha256")


def public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(*RAW)


def exchange(private, other):
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(other))


def signing_public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(*RAW)


def sign(seed, context, transcript):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(
        b"\x20" * 64 + context + b"\0" + transcript)


def header(kind, sequence, session_id, length):
    return b"PHAZ\1" + bytes([kind]) + struct.pack(">IIH", sequence, session_id, length)


def plain(kind, receiver, body):
    content = bytes([kind]) + struct.pack(">HH", len(body), 0) + body
    return header(2, 0, receiver, len(content)) + content


def said(kind, length, body):
    return bytes([kind]) + struct.pack(">H", length) + body


class Draws:
    """A random source, and all that was drawn."""

    def __init__(self, name):
        self.all, self.at = stream(name, 1024), 0

    def take(self, size):
        self.at += size
        return self.all[self.at - size:self.at]


class Sealer:
    def __init__(self, cipher, key, receiver, draws):
        self.aead, self.receiver, self.draws = AEADS[cipher](key), receiver, draws
        self.sequence = 0

    def seal(self, kind, body):
        out = b""
        for offset in range(0, max(len(body), 1), 1100):
            piece = body[offset:offset + 1100]
            content = bytes([kind]) + struct.pack(">HH", len(body), offset) + piece
            self.sequence += 1
            top = header(2, self.sequence, self.receiver, 12 + len(content) + 16)
            nonce = self.draws.take(12)
            out += top + nonce + self.aead.encrypt(nonce, content, top)
        return out


def chain_of(certificates):
    return bytes([len(certificates)]) + b"".join(
        struct.pack(">H", len(one)) + one for one in certificates)


def item(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def pushed(ticket_id):
    items = (item(1, b"\4\x18\x0a\x08\0\2")
             + item(1, b"\6\x40" + bytes.fromhex("20010db8" + "00" * 11 + "02"))
             + item(2, b"\4\0\0\0\0\0") + item(3, b"\4\x0a\x08\0\1") + item(4, b"example.org")
             + item(5, struct.pack(">H", 1380)) + item(6, struct.pack(">H", 10))
             + item(7, struct.pack(">I", 120)) + item(8, struct.pack(">I", 1 << 30)))
    return items + (item(9, ticket_id + struct.pack(">I", 604800)) if ticket_id else b"")


def client_hello(fields, cookie, ticket_id, psk):
    head, flags, ciphers = fields
    body = head + bytes([flags | (2 if ticket_id else 0), len(ciphers)]) + ciphers
    body += bytes([len(cookie)]) + cookie + ticket_id
    if not ticket_id:
        return plain(HELLO, 0, body + bytes(1179 - len(body)))
    body += bytes(1179 - 32 - len(body))
    key = expand(extract(bytes(32), psk), b"binder", NOTHING)
    return plain(HELLO, 0, body + hmac.digest(key, sha(said(HELLO, 1179, body)), "sha256"))


def choose(offered, allowed, both_aes):
    return next(one for one in ((2, 1) if both_aes else (1, 2))
                if one in offered and one in allowed)


def handshake(name, offered, allowed, aes, kinds, chains, *, cookie=False, ticket="", user=b"alice",
              gives_ticket=True):
    """ticket: "" for none, "known" or "unknown" to the server."""
    draws = {end: Draws(f"{name} {end}") for end in ("client", "server")}
    client_random, client_private = draws["client"].take(32), draws["client"].take(32)
    client_id, server_id = struct.unpack(">II", stream(name + " ids", 8))
    old_id = stream(name + " old ticket", 16) if ticket else b""
    old_psk = stream(name + " old psk", 32)
    seeds = {end: stream(f"{name} {end} identity", 32) for end in ("client", "server")}
    fields = (struct.pack(">I", client_id) + client_random + public(client_private),
              1 if aes[0] else 0, offered)
    jar = stream(name + " cookie", 32)
    first = client_hello(fields, b"", old_id, old_psk)
    second = client_hello(fields, jar, old_id, old_psk)
    hello = second if cookie else first

    resumed = ticket == "known"
    cipher = choose(offered, allowed, all(aes))
    server_random, server_private = draws["server"].take(32), draws["server"].take(32)
    server_hello = plain(SERVER_HELLO, client_id, struct.pack(">I", server_id) + server_random
                         + public(server_private) + bytes([cipher, 1 if resumed else 0]))
    shared = exchange(client_private, public(server_private))
    early = extract(bytes(32), old_psk if resumed else bytes(32))
    so_far = said(HELLO, 1179, hello[21:]) + said(SERVER_HELLO, 70, server_hello[21:])
    t1 = sha(so_far)
    handshake_secret = extract(expand(early, b"derived", NOTHING), shared)
    client_hs = expand(handshake_secret, b"c hs", t1)
    server_hs = expand(handshake_secret, b"s hs", t1)
    servers = Sealer(cipher, server_hs, client_id, draws["server"])
    clients = Sealer(cipher, client_hs, server_id, draws["client"])

    sizes = {end: tuple(chains[end]) for end in chains}
    certificates = {end: [stream(f"{name} {end} certificate {i}", size)
                          for i, size in enumerate(sizes[end])] for end in sizes}
    server_flight, client_flight, t2 = server_hello, b"", t1
    password = stream(name + " password", 20).hex().encode() if kinds & PASSWORD else b""
    if not resumed:
        body = bytes([kinds]) + chain_of(certificates["server"])
        whole = len(body) + 64
        body += sign(seeds["server"], b"phaze server", sha(so_far, said(SERVER_AUTH, whole, body)))
        so_far += said(SERVER_AUTH, whole, body)
        server_flight += servers.seal(SERVER_AUTH, body)

        body = bytes([kinds])
        if kinds & PASSWORD:
            body += bytes([len(user)]) + user + struct.pack(">H", len(password)) + password
        if kinds & CERTIFICATE:
            body += chain_of(certificates["client"])
        whole = len(body) + (64 if kinds & CERTIFICATE else 0)
        whole += -whole % 256
        if kinds & CERTIFICATE:
            body += sign(seeds["client"], b"phaze client",
                         sha(so_far, said(CLIENT_AUTH, whole, body)))
        body += bytes(whole - len(body))
        so_far += said(CLIENT_AUTH, whole, body)
        client_flight = clients.seal(CLIENT_AUTH, body)
        t2 = sha(so_far)
    ticket_id = stream(name + " ticket", 16) if gives_ticket else b""
    accept_flight = servers.seal(ACCEPT, pushed(ticket_id))
    if resumed:
        server_flight, accept_flight = server_flight + accept_flight, b""
    master = extract(expand(handshake_secret, b"derived", NOTHING), bytes(32))
    resume = expand(master, b"resume", t2)
    return {
        "client_draws": draws["client"].all[:draws["client"].at],
        "server_draws": draws["server"].all[:draws["server"].at],
        "client_id": client_id, "server_id": server_id, "client_aes": aes[0], "server_aes": aes[1],
        "offered": offered, "allowed": allowed, "cipher": cipher, "kinds": kinds,
        "client_identity": seeds["client"], "server_identity": seeds["server"],
        "client_identity_public": signing_public(seeds["client"]),
        "server_identity_public": signing_public(seeds["server"]),
        "client_chain": chain_of(certificates["client"]) if certificates["client"] else b"",
        "server_chain": chain_of(certificates["server"]), "user": user, "password": password,
        "has_ticket": bool(ticket), "resumed": resumed, "old_ticket": old_id or bytes(16),
        "old_psk": old_psk, "with_cookie": cookie, "cookie": jar, "first": first,
        "retry": plain(RETRY, client_id, client_random + jar), "second": second,
        "server_flight": server_flight, "client_flight": client_flight,
        "accept_flight": accept_flight, "pushed": pushed(ticket_id), "shared": shared,
        "early": early, "t1": t1, "t2": t2, "client_hs": client_hs, "server_hs": server_hs,
        "client_data": expand(master, b"c data", t2), "server_data": expand(master, b"s data", t2),
        "rekey": expand(master, b"rekey", t2), "gives_ticket": gives_ticket,
        "ticket_id": ticket_id or bytes(16), "ticket_psk": expand(resume, b"ticket", ticket_id),
    }


def rekeys(secret, count):
    """Generations 1 to count of a session whose R0 is secret."""
    for generation in range(1, count + 1):
        name = f"rekey {generation}"
        privates = stream(name + " client", 32), stream(name + " server", 32)
        ids = struct.unpack(">II", stream(name + " ids", 8))
        init, answer = (struct.pack(">BII", kind, generation, ids[kind - 1])
                        + public(privates[kind - 1]) for kind in (1, 2))
        shared = exchange(privates[0], public(privates[1]))
        mixed, said_both = extract(secret, shared), sha(init, answer)
        next_secret = expand(mixed, b"rekey", said_both)
        yield {"before": secret, "client_private": privates[0], "server_private": privates[1],
               "client_id": ids[0], "server_id": ids[1], "shared": shared, "init": init,
               "answer": answer, "client_data": expand(mixed, b"c data", said_both),
               "server_data": expand(mixed, b"s data", said_both), "after": next_secret}
        secret = next_secret


SLICES = {"client_draws", "server_draws", "offered", "allowed", "client_chain", "server_chain",
          "user", "password", "server_flight", "client_flight", "accept_flight", "pushed"}
TYPES = {"cipher": "uint8_t", "kinds": "uint8_t", "client_id": "uint32_t", "server_id": "uint32_t"}


def declaration(name, value):
    if isinstance(value, bool):
        return f"bool {name}"
    if name in TYPES:
        return f"{TYPES[name]} {name}"
    return f"struct slice {name}" if name in SLICES else f"uint8_t {name}[{len(value)}]"


def literal(name, value):
    if isinstance(value, int):
        return f"{int(value)}u"
    if not value:
        return "{NULL, 0}"
    rows = (", ".join(f"0x{byte:02x}" for byte in value[i:i + 16])
            for i in range(0, len(value), 16))
    lines = ",\n\t\t\t".join(rows)
    if name in SLICES:
        return f"{{(const uint8_t[]){{\n\t\t\t{lines}}}, {len(value)}}}"
    return f"{{\n\t\t\t{lines}}}"


def table(name, rows):
    fields = [f"\t{declaration(*entry)};" for entry in rows[0].items()]
    entries = ["\t{\n" + "".join(f"\t\t.{field} = {literal(field, value)},\n"
                                 for field, value in row.items()) + "\t}," for row in rows]
    return [f"static const struct {name}_vector {{", *fields, f"}} {name}_vectors[] = {{", *entries,
            "};", ""]


def main():
    one, many = {"client": (), "server": (300,)}, {"client": (700, 800), "server": (1500, 900, 700)}
    small = {"client": (290,), "server": (310, 420)}
    handshakes = [
        handshake("password", b"\1\2", b"\2\1", (False, True), PASSWORD, one),
        handshake("both", b"\1\2", b"\1\2", (True, True), PASSWORD | CERTIFICATE, many, cookie=True,
                  user=b"", gives_ticket=False),
        handshake("certificate", b"\2", b"\2\1", (False, False), CERTIFICATE, small, user=b""),
        handshake("resumed", b"\1\2", b"\1\2", (True, True), PASSWORD, one, ticket="known"),
        handshake("resumed with cookie", b"\1\2", b"\1", (True, False), PASSWORD, one,
                  ticket="known", cookie=True, gives_ticket=False),
        handshake("forgotten ticket", b"\1\2", b"\1\2", (True, False), PASSWORD, one,
                  ticket="unknown"),
    ]
    lines = ["/* Made by make_phaze.py. */", "#pragma once", "", "#include <stdbool.h>",
             "#include <stdint.h>", "", '#include "base/slice.h"', "", "/* clang-format off */",
             *table("phaze", handshakes), *table("phaze_rekey",
                                                 list(rekeys(handshakes[0]["rekey"], 3)))]
    (pathlib.Path(__file__).parent / "phaze_vectors.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
