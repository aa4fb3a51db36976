"""wg-quick(8), told to use this implementation."""

from __future__ import annotations

import pathlib
import socket
import subprocess

import pytest

from harness.device import UNDER_TEST, Device, program
from harness.lab import Lab
from harness.pair import PORT, inner_address, make_pair
from harness.process import run, wait_until
from harness.traffic import assert_pings, transfer

pytestmark = pytest.mark.calm


class Quick:
    """A configuration file for wg-quick, and the namespace it works in."""

    def __init__(self, lab: Lab, text: str, device: Device) -> None:
        self.device = device
        self.path = lab.folder / f"{device.name}.conf"
        self.path.write_text(text)
        self.path.chmod(0o600)
        self.environment = dict(device.environment)
        self.environment.pop("LOG_LEVEL")
        self.environment["WG_QUICK_USERSPACE_IMPLEMENTATION"] = pathlib.Path(
            program(device.implementation)
        ).name

    def do(self, verb: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.device.namespace.run(
            "wg-quick", verb, str(self.path), env=self.environment, check=check
        )

    def rules(self) -> str:
        """All that wg-quick may leave: links, routes, policy rules, packet filters."""
        space, said = self.device.namespace, []
        for words in ("route show table all", "rule show", "-6 rule show"):
            said.append(space.run("ip", *words.split()).stdout)
        said.append(space.run("nft", "list", "ruleset").stdout)
        return "\n".join(said)


@pytest.mark.parametrize("everything", [False, True], ids=["subnets", "default-route"])
def test_wg_quick(lab: Lab, everything: bool) -> None:
    """`wg-quick up`, traffic, `wg-quick down`: and nothing is left."""
    pair = make_pair(lab)
    server = pair.server
    home = lab.namespace("quick")
    lab.link(home, server.namespace, ["198.18.9.2/24"], ["198.18.9.1/24"])
    device = Device(lab, home)
    mine = [inner_address(9, family) for family in (4, 6)]
    server.device.set(
        "peer", device.key.public, "allowed-ips", f"{mine[0]}/32,{mine[1]}/128"
    )
    allowed = "0.0.0.0/0, ::/0" if everything else "10.99.0.0/24, fd99::/64, 172.31.7.0/24"
    quick = Quick(
        lab,
        f"""
[Interface]
PrivateKey = {device.key.private}
Address = {mine[0]}/24, {mine[1]}/64
MTU = 1400

[Peer]
PublicKey = {server.device.key.public}
AllowedIPs = {allowed}
Endpoint = 198.18.9.1:{PORT}
PersistentKeepalive = 25
""",
        device,
    )
    server.namespace.ip("address add 172.31.7.7/32 dev lo")
    before = quick.rules()
    for _ in range(2):
        quick.do("up")
        assert home.links()[device.name]["mtu"] == 1400
        assert_pings(home, server.inner[4])
        assert_pings(home, server.inner[6])
        assert_pings(home, "172.31.7.7")
        assert_pings(server.namespace, mine[0])
        transfer(home, server.namespace, server.inner[4], 1_000_000)
        assert (device.show("fwmark").strip() != "off") == everything
        assert quick.do("up", check=False).returncode != 0, "up twice"
        assert_pings(home, server.inner[4])
        quick.do("down")
        wait_until(device.gone, 5, "nothing left")
        assert quick.rules() == before
    assert quick.do("down", check=False).returncode != 0


def test_wg_quick_wrong_configuration(lab: Lab) -> None:
    """An error in the configuration leaves nothing up."""
    device = Device(lab, lab.namespace("quick"))
    quick = Quick(
        lab,
        f"[Interface]\nPrivateKey = {device.key.private}\n[Peer]\nPublicKey = nonsense\n",
        device,
    )
    result = quick.do("up", check=False)
    assert result.returncode != 0
    wait_until(device.gone, 5, "nothing left")


def test_wg_quick_busy_port(lab: Lab) -> None:
    """Neither does a port in use, of which there is a clear word."""
    device = Device(lab, lab.namespace("quick"))
    other = device.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("", PORT))
    quick = Quick(
        lab, f"[Interface]\nPrivateKey = {device.key.private}\nListenPort = {PORT}\n", device
    )
    result = quick.do("up", check=False)
    assert result.returncode != 0
    assert "Address already in use" in result.stderr
    wait_until(device.gone, 5, "nothing left")


def test_wg_quick_save(lab: Lab) -> None:
    """`wg-quick save` writes the live state, which comes up again the same."""
    device = Device(lab, lab.namespace("quick"))
    peer = Device(lab, device.namespace, UNDER_TEST)
    quick = Quick(
        lab, f"[Interface]\nPrivateKey = {device.key.private}\nListenPort = {PORT}\n", device
    )
    quick.do("up")
    device.set("peer", peer.key.public, "allowed-ips", "10.4.0.0/16,fd04::/64")
    quick.do("save")
    shown = run(["wg", "showconf", device.name]).stdout
    quick.do("down")
    wait_until(device.gone, 5, "nothing left")
    quick.do("up")
    assert run(["wg", "showconf", device.name]).stdout == shown
    quick.do("down")
    wait_until(device.gone, 5, "nothing left")
