"""A changed file takes effect by its differences; a wrong one by nothing."""

from __future__ import annotations

import json
import os
import signal

import pytest

from harness.device import BIN, new_key
from harness.lab import Lab
from harness.node import Node, peer
from harness.nodes import make_nodes
from harness.pair import inner_address
from harness.process import wait_until
from harness.traffic import Pinging, assert_pings, reachable
from test_mtu_auto import Stream

pytestmark = pytest.mark.umbra

FIRST, SECOND, THIRD = "10.9.0.0/16", "10.10.0.0/16", "fd09::/48"


def test_reload_under_load(lab: Lab) -> None:
    """While streams run: peers come and go, MTU and routes change; no connection is lost."""
    pair = make_nodes(lab).start()
    near, far = pair.client, pair.server
    assert_pings(near.namespace, inner_address(1, 4))
    streams = [
        *(Stream(near.namespace, far.namespace, inner_address(1, 4)) for _ in range(2)),
        *(Stream(far.namespace, near.namespace, inner_address(2, 4)) for _ in range(2)),
    ]
    for stream in streams:
        lab.defer(stream.close)
        stream.goes_on(10)
    pings = Pinging(near.namespace, inner_address(1, 6))
    server = far.tunnels[pair.server_tunnel]
    client = near.tunnels[pair.client_tunnel]
    before = far.peers(pair.server_tunnel)["client"]["latest_handshake"]
    for round in range(6):
        server["peers"] = server["peers"][:1] + [
            peer(f"p{round}-{i}", new_key(), [f"10.99.{round + 1}.{i}/32"]) for i in range(5)
        ]
        server["mtu"] = 1400 - round
        client["peers"][0]["persistent_keepalive"] = 5 + round
        client["routes"] = {"include": ["10.99.0.0/16", f"172.16.{round}.0/24"]}
        far.reload()
        near.reload()
        assert len(far.peers(pair.server_tunnel)) == 6
        assert f"172.16.{round}.0/24" in near.namespace.run("ip", "route").stdout
    assert far.namespace.links()[pair.server_tunnel]["mtu"] == 1395
    after = far.peers(pair.server_tunnel)["client"]["latest_handshake"]
    for stream in streams:
        stream.goes_on(10)
    assert pings.missing() == []
    # The session of before is still the one in use.
    assert after == before


def test_signal_reloads(lab: Lab) -> None:
    """SIGHUP is the same; a tunnel that is gone from the file is taken down, a new one comes up."""
    pair = make_nodes(lab).start()
    near = pair.client
    assert near.process
    gone = pair.client_tunnel
    values = near.tunnels.pop(gone)
    fresh = near.tunnel(["10.77.0.1/24"])
    near.write()
    os.kill(near.process.pid, signal.SIGHUP)
    wait_until(lambda: fresh in near.namespace.links(), 10, "the new tunnel")
    wait_until(lambda: gone not in near.namespace.links(), 10, "the old tunnel's end")
    near.tunnels[gone] = values
    near.reload()
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 10, "the tunnel of before")


def test_wrong_file_changes_nothing(lab: Lab) -> None:
    """Each fault is told with its place, to whoever asked; everything goes on as it was."""
    pair = make_nodes(lab).start()
    near = pair.client
    assert_pings(near.namespace, inner_address(1, 4))
    before = near.traces()
    pings = Pinging(near.namespace, inner_address(1, 4))
    good = json.dumps(near.tunnels)
    near.tunnels[pair.client_tunnel]["addreses"] = ["10.0.0.1/24"]
    near.tunnels[pair.client_tunnel]["mtu"] = 12
    refused = near.reload(check=False)
    assert refused.returncode == 1
    for word in (f"tunnels.{pair.client_tunnel}.addreses", "addresses", ".mtu", "umbra.yaml:"):
        assert word in refused.stderr, refused.stderr
    near.configuration.write_text("tunnels: [")
    assert near.umbra("reload", check=False).returncode == 1
    # By a signal, too: nobody is there to be answered, but events tell.
    assert near.process
    os.kill(near.process.pid, signal.SIGHUP)
    told = [str(BIN / "umbra"), "--socket", str(near.socket), "events", "--after", "0"]
    events = near.namespace.spawn(*told)
    wait_until(lambda: events.output().count("configuration.refused") == 3, 10, "three refusals")
    assert events.stop(signal.SIGINT) == 0
    near.configuration.unlink()
    assert near.umbra("reload", check=False).returncode == 1
    near.tunnels = json.loads(good)
    assert near.reload().returncode == 0
    assert pings.missing() == []
    assert near.traces() == before


def test_keys_and_ports_change(lab: Lab) -> None:
    """A new key, another port, another endpoint: by reload alone."""
    pair = make_nodes(lab).start()
    near, far = pair.client, pair.server
    assert_pings(near.namespace, inner_address(1, 4))
    key = new_key()
    near.secret("second.key", key.private)
    near.tunnels[pair.client_tunnel]["private_key_file"] = "second.key"
    far.tunnels[pair.server_tunnel]["peers"][0]["public_key"] = key.public
    far.tunnels[pair.server_tunnel]["listen"] = "[::]:51999"
    server = near.tunnels[pair.client_tunnel]["peers"][0]
    server["endpoint"] = server["endpoint"].replace("51820", "51999")
    far.reload()
    near.reload()
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 15, "pings by the new key")
    assert far.tunnel_status(pair.server_tunnel)["listen_port"] == 51999


def test_store_and_file(lab: Lab) -> None:
    """A key that the file gets while the store has it is the file's; afterwards the store's again."""
    pair = make_nodes(lab)
    server = pair.server.tunnels[pair.server_tunnel]
    own = server["peers"]
    server["peers"] = []
    pair.start()
    far, near, tunnel = pair.server, pair.client, pair.server_tunnel
    far.umbra(
        *("peer", "add", tunnel, "stored", "--public-key", near.keys[pair.client_tunnel].public),
        *("--allowed-ips", f"{inner_address(2, 4)}/32"),
    )
    assert_pings(near.namespace, inner_address(1, 4))
    server["peers"] = own
    far.reload()
    shown = far.peers(tunnel)
    assert shown["client"]["origin"] == "file"
    assert "not used" in shown["stored"]["reason"]
    assert str(far.configuration) in shown["stored"]["reason"]
    assert_pings(near.namespace, inner_address(1, 6))
    server["peers"] = []
    far.reload()
    (stored,) = far.peers(tunnel).values()
    assert (stored["name"], stored["origin"]) == ("stored", "store")
    # For the device it is another peer, without the session of before.
    near.umbra("down", pair.client_tunnel)
    near.umbra("up", pair.client_tunnel)
    assert_pings(near.namespace, inner_address(1, 4))
    assert not reachable(near.namespace, inner_address(1, 6))


def test_routes_move(lab: Lab) -> None:
    """A route goes from one tunnel to another by a reload, whichever comes first: alone, for
    another one, from peers, and from a tunnel that goes; what somebody else has stays his."""
    node = Node(lab, lab.namespace("node"), "node")
    one, two, three = (node.tunnel() for _ in range(3))
    node.start()

    def has(**routes: list[str]) -> None:
        for name, included in zip((one, two, three), routes.values()):
            if name in node.tunnels:
                node.tunnels[name]["routes"] = {"include": included}
        assert node.reload().returncode == 0
        found = {name: set[str]() for name in node.tunnels}
        for family in ("-4", "-6"):
            for route in json.loads(node.namespace.run("ip", "-j", family, "route").stdout):
                if route["dst"] in (FIRST, SECOND, THIRD):
                    found[route["dev"]].add(route["dst"])
        assert found == {
            name: set(included)
            for name, included in zip((one, two, three), routes.values())
            if name in node.tunnels
        }

    has(one=[], two=[FIRST, THIRD], three=[SECOND])
    has(one=[FIRST, THIRD], two=[SECOND], three=[])
    has(one=[SECOND], two=[], three=[FIRST, THIRD])
    # Each has what the other one had; and one of them begins anew, with another key.
    has(one=[FIRST, THIRD], two=[], three=[SECOND])
    node.tunnels[one]["fwmark"] = 77
    has(one=[SECOND], two=[], three=[FIRST, THIRD])
    node.tunnels[two]["peers"] = [peer("all", new_key(), [FIRST])]
    has(one=[SECOND, THIRD], two=[FIRST], three=[])
    del node.tunnels[two]
    has(one=[FIRST, SECOND, THIRD], two=[], three=[])
    # One that both are to have is the first one's, who had it.
    node.tunnels[three]["routes"] = {"include": [FIRST]}
    refused = node.reload(check=False)
    assert refused.returncode != 0 and f"route {FIRST}: exists already" in refused.stderr
    has(one=[FIRST, SECOND, THIRD], two=[], three=[])
