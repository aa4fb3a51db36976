"""Each offload switched off, each cryptographic back end, one shard and two."""

from __future__ import annotations

import pytest

from harness.device import REFERENCE, UMBRA
from harness.lab import Lab
from harness.pair import make_pair
from harness.traffic import (
    BIG,
    UDP_RATE,
    IperfServer,
    assert_few_lost,
    assert_pings,
    exchange_datagrams,
    flood,
    iperf,
    transfer,
)

pytestmark = pytest.mark.umbra

OFFLOADS = ("tun", "tun-udp", "udp-send", "udp-receive")
VARIANTS: dict[str, tuple[list[str], dict[str, str]]] = {
    **{f"no-{name}": ([f"--no-offload={name}"], {}) for name in OFFLOADS},
    "no-offload": ([f"--no-offload={','.join(OFFLOADS)}"], {}),
    "openssl": ([], {"UMBRA_AEAD": "openssl"}),
    "ipsec-mb": ([], {"UMBRA_AEAD": "ipsec-mb"}),
    "1-shard": (["--shards", "1"], {}),
    "2-shards": (["--shards", "2"], {}),
    "2-shards-no-offload": (["--shards", "2", f"--no-offload={','.join(OFFLOADS)}"], {}),
}


def check(lab: Lab, server: str, variant: str) -> None:
    options, environment = VARIANTS[variant]
    pair = make_pair(lab, server=server, options=options, extra_environment=environment)
    near, far = pair.client, pair.server
    IperfServer(far.namespace)
    for inside in (4, 6):
        assert_pings(near.namespace, far.inner[inside])
        flood(far.namespace, near.inner[inside], 300)
        transfer(near.namespace, far.namespace, far.inner[inside], BIG // 2)
        transfer(far.namespace, near.namespace, near.inner[inside], BIG // 2)
        exchange_datagrams(near.namespace, far.namespace, far.inner[inside])
        # Equal datagrams in quick succession are what UDP segmentation joins.
        for direction in ([], ["-R"]):
            report = iperf(
                *(near.namespace, far.inner[inside]),
                *("-u", "-b", UDP_RATE, "-l", "300", *direction),
                amount=("-k", "2000"),
            )
            assert_few_lost(report)


@pytest.mark.parametrize("variant", VARIANTS)
def test_variant(lab: Lab, variant: str) -> None:
    """Bulk TCP, UDP and pings over both families with both ends so configured."""
    check(lab, UMBRA, variant)


@pytest.mark.parametrize("variant", ["no-offload", "2-shards"])
def test_variant_with_reference(lab: Lab, variant: str) -> None:
    """The same with wireguard-go, which has its offloads on, at the other end."""
    check(lab, REFERENCE, variant)
