"""Each offload switched off, each cryptographic back end, one shard and two."""

from __future__ import annotations

import pytest

from harness.device import REFERENCE
from harness.lab import Lab
from harness.nodes import make_nodes
from harness.pair import inner_address, make_pair
from harness.traffic import (
    BIG,
    IperfServer,
    assert_pings,
    exchange_bursts,
    exchange_datagrams,
    flood,
    iperf,
    transfer,
)

pytestmark = pytest.mark.umbra

OFFLOADS = ("tun", "tun-udp", "udp-send", "udp-receive")
ALL = f"--no-offload={','.join(OFFLOADS)}"
VARIANTS: dict[str, tuple[list[str], dict[str, str]]] = {
    **{f"no-{name}": ([f"--no-offload={name}"], {}) for name in OFFLOADS},
    "no-offload": ([ALL], {}),
    "openssl": ([], {"UMBRA_AEAD": "openssl"}),
    "ipsec-mb": ([], {"UMBRA_AEAD": "ipsec-mb"}),
    "1-shard": (["--shards", "1"], {}),
    "2-shards": (["--shards", "2"], {}),
    "2-shards-no-offload": (["--shards", "2", ALL], {}),
}

SWITCHES = {
    "all-on": "",
    **{f"no-{name}": name for name in OFFLOADS},
    "no-offload": ",".join(OFFLOADS),
}


def matrix() -> dict[str, list[str]]:
    """What is switched off × back end: one shard with one of the two, two with the other."""
    made = {}
    for row, aead in enumerate(("ipsec-mb", "openssl")):
        for column, (name, off) in enumerate(SWITCHES.items()):
            shards = 1 + (row + column) % 2
            options = [f"--no-offload={off}", f"--aead={aead}", f"--shards={shards}"]
            made[f"{name}-{aead}-{shards}"] = options
    return made


MATRIX = matrix()


@pytest.mark.parametrize("variant", VARIANTS)
def test_variant(lab: Lab, variant: str) -> None:
    """Bulk TCP, UDP and pings over both families with both ends so configured."""
    options, environment = VARIANTS[variant]
    pair = make_pair(lab, options=options, extra_environment=environment)
    near, far = pair.client, pair.server
    for inside in (4, 6):
        assert_pings(near.namespace, far.inner[inside])
        flood(far.namespace, near.inner[inside], 300)
        transfer(near.namespace, far.namespace, far.inner[inside], BIG // 2)
        transfer(far.namespace, near.namespace, near.inner[inside], BIG // 2)
        exchange_datagrams(near.namespace, far.namespace, far.inner[inside])
        exchange_bursts(near.namespace, far.namespace, far.inner[inside])


@pytest.mark.calm  # test_variant has the threads
@pytest.mark.parametrize("variant", MATRIX)
def test_variant_with_reference(lab: Lab, variant: str) -> None:
    """Each switch with each back end against wireguard-go, which has its offloads on."""
    pair = make_pair(lab, server=REFERENCE, options=MATRIX[variant])
    near, far = pair.client, pair.server
    IperfServer(far.namespace)
    for inside in (4, 6):
        assert_pings(near.namespace, far.inner[inside])
        for direction in ([], ["-R"]):
            amount = ("-n", str(BIG // 2))
            report = iperf(near.namespace, far.inner[inside], *direction, amount=amount)
            # It ends when all was sent, whatever is still on its way.
            assert report["received"]["bytes"] >= BIG // 10, report
        transfer(near.namespace, far.namespace, far.inner[inside], BIG // 10)
        transfer(far.namespace, near.namespace, near.inner[inside], BIG // 10)
        exchange_datagrams(
            near.namespace, far.namespace, far.inner[inside], (0, 1, 300, 1400, 9000)
        )
        exchange_bursts(near.namespace, far.namespace, far.inner[inside], 200)


@pytest.mark.long  # sanitizers see the same switches in test_variant
@pytest.mark.parametrize("aead", ["ipsec-mb", "openssl"])
@pytest.mark.parametrize("off", ["tun", "tun_udp", "udp_send", "udp_receive", "all"])
def test_rows_of_the_configuration(lab: Lab, off: str, aead: str) -> None:
    """The same switches as rows of umbrad's configuration."""
    rows = [name.replace("-", "_") for name in OFFLOADS]
    settings = {"aead": aead, "offload": {row: off not in (row, "all") for row in rows}}
    nodes = make_nodes(lab)
    for node in (nodes.client, nodes.server):
        node.settings = settings
    nodes.start()
    near, far = nodes.client.namespace, nodes.server.namespace
    assert_pings(near, inner_address(1, 4))
    # Headers in front of packets are what the switch takes away; the interface tells.
    described = near.run("ip", "-d", "link", "show", nodes.client_tunnel).stdout
    assert ("vnet_hdr on" in described) == (off not in ("tun", "all"))
    features = near.run("ethtool", "-k", nodes.client_tunnel).stdout
    assert ("tx-udp-segmentation: on" in features) == (off not in ("tun", "tun_udp", "all"))
    for inside in (4, 6):
        transfer(near, far, inner_address(1, inside), BIG // 10)
        transfer(far, near, inner_address(2, inside), BIG // 10)
        exchange_datagrams(near, far, inner_address(1, inside))
