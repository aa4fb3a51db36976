"""Who takes part: one row a contender, in the order of the report."""

from __future__ import annotations

import pathlib

from bench.contenders.contender import Contender
from bench.contenders.fastd import Fastd
from bench.contenders.mighty import Mighty
from bench.contenders.none import NoVpn
from bench.contenders.openvpn import OpenVpn, OpenVpnPassword
from bench.contenders.phaze import Phaze
from bench.contenders.tinc import Tinc
from bench.contenders.wireguard import Umbra, WireguardGo


def all_contenders(programs: pathlib.Path) -> list[Contender]:
    """Those of Umbra are taken from the folder `programs`.

    A protocol of Umbra with another cipher is one more row, of a class that configures it. What
    is wanted of it is in goals.py.
    """
    aes, chacha20 = "aes-256-gcm", "chacha20-poly1305"
    return [
        NoVpn(),
        Umbra("umbra", programs, aead="auto"),
        Umbra("umbra-openssl", programs, aead="openssl"),
        Mighty(programs, "umbra-mighty-chacha20", "Umbra Mighty, ChaCha20", chacha20),
        Mighty(programs, "umbra-mighty-aes", "Umbra Mighty, AES-GCM", aes),
        Phaze(programs, "umbra-phaze-chacha20", "Umbra Phaze, ChaCha20", chacha20),
        Phaze(programs, "umbra-phaze-aes", "Umbra Phaze, AES-GCM", aes),
        WireguardGo(),
        OpenVpn(),
        OpenVpnPassword(),
        Fastd(),
        Tinc(),
    ]
