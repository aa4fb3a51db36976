"""Who takes part: one row a contender, in the order of the report."""

from __future__ import annotations

import pathlib

from bench.contenders.contender import Contender
from bench.contenders.fastd import Fastd
from bench.contenders.none import NoVpn
from bench.contenders.openvpn import OpenVpn
from bench.contenders.tinc import Tinc
from bench.contenders.wireguard import Umbra, WireguardGo


def all_contenders(programs: pathlib.Path) -> list[Contender]:
    """Those of Umbra are taken from the folder `programs`.

    A protocol of Umbra with another cipher is one more row, of a class that configures it.
    """
    return [
        NoVpn(),
        Umbra("umbra", programs, aead="auto"),
        Umbra("umbra-openssl", programs, aead="openssl"),
        WireguardGo(),
        OpenVpn(),
        Fastd(),
        Tinc(),
    ]
