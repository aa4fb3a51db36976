#!/usr/bin/env python3
"""Writes stream_cipher.h: frames of streams as the carrier sees them, for fixed keys.

An independent implementation of doc/protocol/phantom.md with python3-cryptography: HKDF-SHA256,
ChaCha20 for the masks of the lengths, ChaCha20-Poly1305 for the frames, and the Rekey of Noise.
Run it without arguments; the same output comes out every time.
"""
import hashlib
import pathlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def block(text, size):
    return hashlib.sha512(text.encode()).digest()[:size]


class Direction:
    def __init__(self, key, handshake_hash):
        self.handshake_hash = handshake_hash
        self.take(key)

    def take(self, key):
        self.key = key
        self.number = 0
        length_key = HKDF(algorithm=SHA256(), length=32, salt=self.handshake_hash,
                          info=b"phantom length").derive(key)
        # One running keystream: the object keeps its place in it.
        self.keystream = Cipher(algorithms.ChaCha20(length_key, bytes(16)), None).encryptor()

    def seal(self, frame):
        mask = self.keystream.update(bytes(2))
        head = bytes(a ^ b for a, b in zip(struct.pack(">H", len(frame)), mask))
        nonce = bytes(4) + struct.pack("<Q", self.number)
        self.number += 1
        return head + ChaCha20Poly1305(self.key).encrypt(nonce, frame, head)

    def rekey(self):
        nonce = bytes(4) + struct.pack("<Q", 2**64 - 1)
        self.take(ChaCha20Poly1305(self.key).encrypt(nonce, bytes(32), b"")[:32])


def frame(kind, stream, payload=b"", padding=b""):
    return (struct.pack(">BB", kind, stream >> 16) + struct.pack(">H", stream & 0xffff)
            + struct.pack(">HB", len(payload), len(padding)) + payload + padding)


def literal(value):
    lines = [", ".join(f"0x{byte:02x}" for byte in value[i:i + 16])
             for i in range(0, len(value), 16)]
    return "{\n\t" + ",\n\t".join(lines) + "}"


def main():
    key, handshake_hash = block("stream key", 32), block("handshake hash", 32)
    frames = [
        frame(0, 42, b"Hello", bytes([1, 2, 3])),
        frame(1, 1, bytes([3, 11]) + b"example.com" + struct.pack(">H", 443), bytes(range(8))),
        frame(7, 0, b"", block("padding", 64) * 3),
        frame(8, 0, b"", bytes(5)),  # KEY_UPDATE
        frame(0, 0x123456, block("data", 64)),
        frame(2, 42),
    ]
    direction = Direction(key, handshake_hash)
    wire = b""
    for each in frames:
        wire += direction.seal(each)
        if each[0] == 8:
            direction.rekey()
    # As many frames as take the masks' keystream over many blocks: frame i is PADDING of i mod 50.
    direction = Direction(key, handshake_hash)
    many = hashlib.sha256()
    for number in range(1000):
        many.update(direction.seal(frame(7, 0, bytes([number & 255]) * (number % 50))))
    sizes = ", ".join(str(len(each)) for each in frames)
    plain = b"".join(frames)
    text = "\n".join([
        "/* Made by make_stream_cipher.py. */", "#pragma once", "", "#include <stddef.h>",
        "#include <stdint.h>", "", "/* clang-format off */",
        f"static const uint8_t stream_cipher_key[32] = {literal(key)};",
        f"static const uint8_t stream_cipher_handshake_hash[32] = {literal(handshake_hash)};",
        "/* Frames one behind the other; the fourth is KEY_UPDATE. */",
        f"static const size_t stream_cipher_sizes[] = {{{sizes}}};",
        f"static const uint8_t stream_cipher_plain[] = {literal(plain)};",
        f"static const uint8_t stream_cipher_wire[] = {literal(wire)};",
        "/* SHA-256 of 1,000 frames on the carrier: PADDING, i mod 50 bytes i as the payload. */",
        f"static const uint8_t stream_cipher_many[32] = {literal(many.digest())};", ""])
    (pathlib.Path(__file__).parent / "stream_cipher.h").write_text(text)


if __name__ == "__main__":
    main()
