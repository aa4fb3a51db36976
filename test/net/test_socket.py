"""The outer socket: mark, port, keepalives."""

from __future__ import annotations

import socket
import time

import pytest

from harness.device import UMBRA, Device
from harness.lab import Lab
from harness.pair import PORT, endpoint, make_pair
from harness.process import SLOW, run, wait_until
from harness.traffic import Pinging, assert_pings

pytestmark = pytest.mark.calm

# UDP length of a keepalive: 8 of UDP, 32 of an empty transport message.
KEEPALIVE = "udp length 40"


@pytest.mark.parametrize("outside", [4, 6])
def test_fwmark(lab: Lab, outside: int) -> None:
    """The mark of a live device is set, changed and cleared, on every outer packet."""
    pair = make_pair(lab, outside=outside)
    client, server = pair.client, pair.server
    outer = f"oifname {client.underlay} meta l4proto udp"
    client.namespace.count(
        "output",
        first=f"{outer} meta mark 0x51",
        second=f"{outer} meta mark 0x52",
        none=f"{outer} meta mark 0",
    )
    for name, mark, shown in (
        ("none", None, "off"),
        ("first", "0x51", "0x51"),
        ("second", "0x52", "0x52"),
        ("none", "0", "off"),
    ):
        if mark:
            client.device.set("fwmark", mark)
        assert client.device.show("fwmark").strip() == shown
        before = client.namespace.counters()
        assert_pings(client.namespace, server.inner[4], 5)
        after = client.namespace.counters()
        assert [n for n in after if after[n] > before[n]] == [name]
        assert after[name] - before[name] >= 5

    # A mark outlives a change of port.
    client.device.set("fwmark", "0x51", "listen-port", "41234")
    before = client.namespace.counters()
    assert_pings(client.namespace, server.inner[4], 5)
    after = client.namespace.counters()
    assert [n for n in after if after[n] > before[n]] == ["first"]


def test_listen_port_changed(lab: Lab) -> None:
    """A live server listens on the new port and no longer on the old one; 0 chooses one."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    server.device.set("listen-port", "41000")
    assert server.device.port() == 41000
    # The old port is free for others, of both families, at once.
    for family in (socket.AF_INET, socket.AF_INET6):
        other = server.namespace.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("", PORT))
    client.device.set(
        "peer", server.device.key.public, "endpoint", endpoint(server.outer[4], 41000)
    )
    assert_pings(client.namespace, server.inner[4])

    server.device.set("listen-port", "0")
    chosen = server.device.port()
    assert chosen not in (0, 41000, PORT)
    # The server speaks first: the client follows.
    assert_pings(server.namespace, client.inner[4])
    assert client.device.peer(server.device).endpoint == endpoint(server.outer[4], chosen)
    assert_pings(client.namespace, server.inner[6])


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_busy_port_is_an_error(lab: Lab, family: int) -> None:
    """A port in use by another socket, of either family, is refused with a clear error."""
    pair = make_pair(lab)
    other = pair.server.namespace.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    other.bind(("", 42000))
    result = pair.server.device.set("listen-port", "42000", check=False)
    assert result.returncode != 0
    assert "Address already in use" in result.stderr


def test_busy_port_before_up(lab: Lab) -> None:
    """The same for an interface that was not set up yet; what is free is taken at once."""
    device = Device(lab, lab.namespace("alone")).start()
    other = device.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("", 42000))
    for how in (
        lambda: device.set("listen-port", "42000", check=False),
        lambda: run(
            ["wg", "setconf", device.name, "/dev/stdin"],
            input=f"[Interface]\nPrivateKey = {device.key.private}\nListenPort = 42000\n",
            check=False,
        ),
    ):
        result = how()
        assert result.returncode != 0
        assert "Address already in use" in result.stderr
    assert device.port() != 42000
    device.set("listen-port", "42001")
    with pytest.raises(OSError, match="in use"):
        other = device.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind(("", 42001))


def assert_taken(device: Device, port: int) -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        with device.namespace.socket(family, socket.SOCK_DGRAM) as other:
            with pytest.raises(OSError, match="in use"):
                other.bind(("", port))


def test_port_while_down(lab: Lab) -> None:
    """An interface has a port from its start on, and keeps it while it is down."""
    device = Device(lab, lab.namespace("alone")).start()
    wait_until(lambda: device.port() != 0, 10, "a port")
    chosen = device.port()
    assert_taken(device, chosen)
    device.namespace.ip(f"link set {device.name} up")
    device.wait_for_link()
    assert device.port() == chosen
    device.set("listen-port", "42001")
    device.namespace.ip(f"link set {device.name} down")
    if device.implementation == UMBRA:
        wait_until(lambda: "interface is down" in device.log_text().split("is up")[-1], 10, "down")
    assert device.port() == 42001
    assert_taken(device, 42001)


@pytest.mark.umbra
def test_busy_port_keeps_the_old_one(lab: Lab) -> None:
    """After the refusal the device goes on where it was, and shows so."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    pings = Pinging(client.namespace, server.inner[4])
    other = server.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("", 42000))
    assert server.device.set("listen-port", "42000", check=False).returncode != 0
    assert server.device.port() == PORT
    assert pings.missing() == []
    other.close()
    server.device.set("listen-port", "42000")
    assert server.device.port() == 42000
    assert_pings(server.namespace, client.inner[4])


@pytest.mark.long
def test_persistent_keepalive(lab: Lab) -> None:
    """Every N seconds of silence one empty packet goes out, from when it is set until "off"."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    server.namespace.count("input", keepalives=KEEPALIVE)
    started = time.monotonic()
    client.device.set("peer", server.device.key.public, "persistent-keepalive", "1")
    wait_until(lambda: server.namespace.counters()["keepalives"] >= 4, 8, "four keepalives")
    # One at once (or after the first second), then one a second.
    assert time.monotonic() - started > 2.5
    client.device.set("peer", server.device.key.public, "persistent-keepalive", "off")
    counted = server.namespace.counters()["keepalives"]
    time.sleep(2.2 * SLOW)
    assert server.namespace.counters()["keepalives"] <= counted + 1


def test_keepalive_makes_the_handshake(lab: Lab) -> None:
    """A keepalive set on a peer that was never spoken to brings the session up by itself."""
    pair = make_pair(lab, configure=False)
    pair.configure(keepalive=20)
    wait_until(
        lambda: pair.server.device.peer(pair.client.device).latest_handshake, 8, "a session"
    )
    assert_pings(pair.server.namespace, pair.client.inner[4])
