"""Stock wg(8): what is set is what is shown, and what the data path does."""

from __future__ import annotations

import re

from harness.device import REFERENCE, UMBRA, UNDER_TEST, Device, new_key, new_psk
from harness.lab import Lab
from harness.pair import endpoint, make_pair
from harness.process import run, wait_until
from harness.traffic import Pinging, assert_pings, reachable


def one_device(lab: Lab) -> Device:
    device = Device(lab, lab.namespace("alone")).start()
    device.configure()
    return device


def section(public: str, *lines: str) -> str:
    return "\n".join(["[Peer]", f"PublicKey = {public}", *lines])


def shown(device: Device) -> dict[str, list[str]]:
    """What `wg showconf` prints: sorted lines by public key; those of the interface by ''."""
    text = run(["wg", "showconf", device.name]).stdout
    parts: dict[str, list[str]] = {}
    for part in re.split(r"(?m)^\[\w+\]$", text)[1:]:
        lines = dict(line.split(" = ", 1) for line in part.strip().splitlines())
        public = lines.pop("PublicKey", "")
        if "AllowedIPs" in lines:
            lines["AllowedIPs"] = ",".join(sorted(lines["AllowedIPs"].split(", ")))
        parts[public] = sorted(f"{name} = {value}" for name, value in lines.items())
    return parts


FULL = """
[Interface]
PrivateKey = {private}
ListenPort = 23456
FwMark = 0x1234

[Peer]
PublicKey = {one}
PresharedKey = {psk}
AllowedIPs = 10.1.0.0/16, 10.1.2.3/32, fd01::/64, ::/0, 0.0.0.0/0
Endpoint = 192.0.2.1:1234
PersistentKeepalive = 25

[Peer]
PublicKey = {two}
AllowedIPs = 10.2.0.0/15
Endpoint = [2001:db8::1]:65535

[Peer]
PublicKey = {three}
"""


def test_configuration_round_trip(lab: Lab) -> None:
    """What showconf prints, given back to setconf, syncconf and addconf, is the same again."""
    device = one_device(lab)
    keys = {name: new_key().public for name in ("one", "two", "three")}
    device.load("setconf", FULL.format(private=device.key.private, psk=(psk := new_psk()), **keys))
    first = shown(device)
    private = f"PrivateKey = {device.key.private}"
    assert first[""] == ["FwMark = 0x1234", "ListenPort = 23456", private]
    assert set(first) == {"", *keys.values()}
    assert first[keys["one"]] == [
        "AllowedIPs = 0.0.0.0/0,10.1.0.0/16,10.1.2.3/32,::/0,fd01::/64",
        "Endpoint = 192.0.2.1:1234",
        "PersistentKeepalive = 25",
        f"PresharedKey = {psk}",
    ]
    assert first[keys["two"]] == ["AllowedIPs = 10.2.0.0/15", "Endpoint = [2001:db8::1]:65535"]
    assert first[keys["three"]] == []
    for how in ("setconf", "syncconf", "addconf"):
        device.load(how, run(["wg", "showconf", device.name]).stdout)
        assert shown(device) == first, how


def test_addconf_and_syncconf(lab: Lab) -> None:
    """addconf adds, syncconf makes it exactly so; a peer that stays keeps its session."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    pings = Pinging(client.namespace, server.inner[4])
    handshake = client.device.peer(server.device).latest_handshake
    received = client.device.peer(server.device).received
    other, third = new_key().public, new_key().public
    client.device.load("addconf", section(other, "AllowedIPs = 10.5.0.0/16"))
    assert set(client.device.peers()) == {server.device.key.public, other}
    interface = f"[Interface]\nPrivateKey = {client.device.key.private}\n"
    interface += f"ListenPort = {client.device.port()}\n"
    sync = interface + server.section(4, keepalive=7) + "\n" + section(third)
    client.device.load("syncconf", sync)
    assert set(client.device.peers()) == {server.device.key.public, third}
    state = client.device.peer(server.device)
    assert state.keepalive == "7" and state.latest_handshake == handshake
    assert state.received >= received
    assert pings.missing() == []

    # setconf, in contrast, starts all peers anew.
    client.device.load("setconf", sync)
    assert client.device.peers()[third].allowed_ips == frozenset()
    assert_pings(client.namespace, server.inner[4])


def test_prefix_moves_between_peers(lab: Lab) -> None:
    """A prefix given to another peer leaves the first, in the table and in the data path."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    other = new_key().public
    mine = server.device
    assert_pings(client.namespace, server.inner[4])
    mine.set("peer", other, "allowed-ips", f"{client.inner[4]}/32,10.7.0.0/16")
    assert mine.peers()[other].allowed_ips == {f"{client.inner[4]}/32", "10.7.0.0/16"}
    assert mine.peer(client.device).allowed_ips == {f"{client.inner[6]}/128"}
    assert not reachable(client.namespace, server.inner[4])
    assert_pings(client.namespace, server.inner[6])
    mine.set("peer", client.device.key.public, "allowed-ips", ",".join(client.inner_hosts()))
    assert mine.peers()[other].allowed_ips == {"10.7.0.0/16"}
    assert_pings(client.namespace, server.inner[4])

    # Host bits are cut off; replacing the list by an empty one leaves nothing.
    mine.set("peer", other, "allowed-ips", "10.8.9.10/16,fd08::1/32")
    assert mine.peers()[other].allowed_ips == {"10.8.0.0/16", "fd08::/32"}
    mine.set("peer", other, "allowed-ips", "")
    assert mine.peers()[other].allowed_ips == frozenset()


def test_peer_removed(lab: Lab) -> None:
    """A removed peer is gone at once, with its session; an unknown one is no error."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    server.device.set("peer", client.device.key.public, "remove")
    assert server.device.peers() == {}
    assert not reachable(client.namespace, server.inner[4])
    server.device.set("peer", client.device.key.public, "remove")
    server.device.set("peer", new_key().public, "remove")
    assert server.device.peers() == {}


def test_own_key_as_peer(lab: Lab) -> None:
    """Our own public key as a peer is ignored, and so is becoming the key of a peer."""
    device = one_device(lab)
    device.set("peer", device.key.public, "allowed-ips", "10.1.0.0/16")
    assert device.peers() == {}
    other = new_key()
    device.set("peer", other.public, "allowed-ips", "10.1.0.0/16")
    device.set_private_key(other)
    assert device.peers() == {}
    assert device.show("public-key").strip() == other.public


def test_private_key_cleared(lab: Lab) -> None:
    """Without a private key nothing is answered, and wg shows that there is none."""
    device = one_device(lab)
    device.set("private-key", "/dev/null")
    assert device.show("private-key").strip() == "(none)"
    assert device.show("public-key").strip() == "(none)"


def test_show(lab: Lab) -> None:
    """The fields of `wg show NAME dump`, before and after traffic."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    state = client.device.peer(server.device)
    assert state.allowed_ips == frozenset(server.inner_hosts())
    assert (state.endpoint, state.keepalive) == (endpoint(server.outer[4]), "off")
    assert server.device.peer(client.device).endpoint == "(none)"
    unused = server.device.peer(client.device)
    assert (unused.latest_handshake, unused.received, unused.sent) == (0, 0, 0)
    assert_pings(client.namespace, server.inner[4])
    now = float(run(["date", "+%s"]).stdout)
    for device, other in ((client.device, server.device), (server.device, client.device)):
        state = device.peer(other)
        assert now - 10 < state.latest_handshake <= now
        assert state.received > 300 and state.sent > 300
    private, public, port, mark = client.device.show("dump").splitlines()[0].split("\t")
    assert (private, public) == (client.device.key.private, client.device.key.public)
    assert (int(port) > 0, mark) == (True, "off")
    assert client.device.name in run(["wg", "show", "interfaces"]).stdout.split()
    assert f"interface: {client.device.name}" in run(["wg"]).stdout


def transfer_counters(lab: Lab, client: str, server: str) -> list[tuple[int, int]]:
    """What both ends count, received and sent, after always the same traffic."""
    pair = make_pair(lab, client, server)
    near, far = pair.client, pair.server
    for size in ("0", "1", "20", "56", "1391", "1392"):
        assert_pings(near.namespace, far.inner[4], 3, "-s", size)
    assert_pings(far.namespace, near.inner[6], 5)

    def counts() -> list[tuple[int, int]]:
        states = (near.device.peer(far.device), far.device.peer(near.device))
        return [(state.received, state.sent) for state in states]

    # A packet may arrive before its sender has counted it.
    wait_until(lambda: counts()[0] == counts()[1][::-1], 10, "both ends have counted")
    return counts()


def test_transfer_counters(lab: Lab) -> None:
    """The counters of wg show count exactly what the reference counts for the same traffic."""
    expected = transfer_counters(lab, REFERENCE, REFERENCE)
    assert transfer_counters(lab, UNDER_TEST, UNDER_TEST) == expected
    if UNDER_TEST == UMBRA:
        assert transfer_counters(lab, UNDER_TEST, REFERENCE) == expected
        assert transfer_counters(lab, REFERENCE, UNDER_TEST) == expected
