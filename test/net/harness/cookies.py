"""Cookies that a server of streams lets in, or has to refuse: an independent implementation."""

from __future__ import annotations

import base64
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "vectors"))

from make_phantom import CARRIERS, Symmetric, hello, public, shared, text  # noqa: E402

EXPORTER = "EXPORTER-phantom"
NAME = "session"


def first(
    private: str, server: str, exporter: bytes, ahead: float = 0.0, carrier: str = "tls"
) -> str:
    """The text of message 1; keys in base64; ahead: seconds that its clock is."""
    s, rs = base64.b64decode(private), base64.b64decode(server)
    e = os.urandom(32)
    both = Symmetric(b"PHTN" + bytes([1, CARRIERS[carrier]]) + exporter)
    both.mix_hash(rs)
    both.mix_hash(public(e))
    both.mix_key(shared(e, rs))
    sealed = both.seal(public(s))
    both.mix_key(shared(s, rs))
    stamp = round((time.time() + ahead) * 1000)
    return text(public(e) + sealed + both.seal(hello(1, stamp, os.urandom(16), b"")))
