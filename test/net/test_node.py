"""umbrad and umbra: one file describes every tunnel, and the tool works with them."""

from __future__ import annotations

import json
import os
import signal

import pytest

from harness.lab import Lab, kill_all
from harness.node import Node, peer
from harness.nodes import make_nodes, networks
from harness.pair import endpoint, inner_address, outer_address
from harness.process import wait_until
from harness.traffic import Pinging, assert_pings, reachable

pytestmark = [pytest.mark.umbra, pytest.mark.calm]


@pytest.mark.parametrize("outside", (4, 6))
def test_two_nodes(lab: Lab, outside: int) -> None:
    """Addresses, routes and MTU come from the file; packets pass; status tells of all of it."""
    pair = make_nodes(lab, outside=outside, client={"mtu": 1380}).start()
    near, far = pair.client, pair.server
    for family in (4, 6):
        assert_pings(near.namespace, inner_address(1, family))
        assert_pings(far.namespace, inner_address(2, family))
    link = near.namespace.links()[pair.client_tunnel]
    assert link["mtu"] == 1380
    assert "UP" in link["flags"]
    tunnel = near.tunnel_status(pair.client_tunnel)
    assert tunnel["state"] == "up"
    assert tunnel["mtu"] == 1380
    assert tunnel["addresses"] == networks(2)
    assert tunnel["public_key"] == near.keys[pair.client_tunnel].public
    (seen,) = tunnel["peers"]
    assert seen["name"] == "server"
    assert seen["origin"] == "file"
    assert seen["state"] == "connected"
    assert seen["endpoint"] == endpoint(outer_address(1, outside))
    assert seen["received"] > 0 and seen["sent"] > 0
    text = near.umbra("status").stdout
    for word in (pair.client_tunnel, "server", "connected", endpoint(outer_address(1, outside))):
        assert word in text
    assert near.keys[pair.client_tunnel].private not in text


def test_up_and_down(lab: Lab) -> None:
    """Down takes the interface away and lasts over a restart; up brings all of it back."""
    pair = make_nodes(lab).start()
    near = pair.client
    name = pair.client_tunnel
    assert_pings(near.namespace, inner_address(1, 4))
    assert "is down" in near.umbra("down", name).stdout
    assert name not in near.namespace.links()
    assert near.tunnel_status(name)["state"] == "down"
    assert near.stop() == 0
    near.start()
    assert name not in near.namespace.links()
    assert "is up" in near.umbra("up", name).stdout
    assert_pings(near.namespace, inner_address(1, 4))
    # Up lasts, too.
    assert near.stop() == 0
    near.start()
    assert_pings(near.namespace, inner_address(1, 6))
    refused = near.umbra("up", "nosuch", check=False)
    assert refused.returncode == 1
    assert "nosuch" in refused.stderr


def test_autostart(lab: Lab) -> None:
    """A tunnel without autostart waits for `umbra up`."""
    pair = make_nodes(lab, client={"autostart": False}).start()
    near = pair.client
    assert near.tunnel_status(pair.client_tunnel)["state"] == "down"
    near.umbra("up", pair.client_tunnel)
    assert_pings(near.namespace, inner_address(1, 4))


def test_everything_is_taken_down(lab: Lab) -> None:
    """Nothing of a stopped daemon is left: interface, routes, rules, firewall, sysctls, socket."""
    pair = make_nodes(
        lab,
        client_allowed=["0.0.0.0/0", "::/0"],
        client={"kill_switch": False},
        server={"masquerade": True},
    )
    before = pair.client.traces(), pair.server.traces()
    pair.start()
    assert_pings(pair.client.namespace, inner_address(1, 4))
    assert pair.client.traces() != before[0]
    assert pair.server.traces() != before[1]
    for node, traces in zip((pair.client, pair.server), before):
        assert node.stop() == 0
        assert node.traces() == traces
        assert not node.socket.exists()


def test_one_at_a_time(lab: Lab) -> None:
    """A second daemon on the same control socket says so, and disturbs nothing."""
    pair = make_nodes(lab).start()
    near = pair.client
    first, log = near.process, near.log_text()
    second = near.launch()
    assert second.wait() == 1
    near.process = first
    assert "runs already" in near.log_text()[len(log) :]
    assert_pings(near.namespace, inner_address(1, 4))


def test_without_a_daemon(lab: Lab) -> None:
    """The tool says what is wrong when nobody answers, with an exit code of its own."""
    node = Node(lab, lab.namespace("client"), "client")
    result = node.umbra("status", check=False)
    assert result.returncode == 3
    assert "umbrad is not running" in result.stderr


def test_wrong_configuration(lab: Lab) -> None:
    """A start with a wrong file changes nothing and names the place."""
    node = Node(lab, lab.namespace("client"), "client")
    before = node.traces()
    name = node.tunnel(["10.0.0.1/24"], mtu="big")
    node.write()
    process = node.launch()
    assert process.wait() == 2
    assert f"tunnels.{name}.mtu" in node.log_text()
    assert node.traces() == before
    checked = node.umbra("check", "-c", str(node.configuration), check=False)
    assert checked.returncode == 1
    assert f"tunnels.{name}.mtu" in checked.stderr


def test_processes_come_back(lab: Lab) -> None:
    """The net process and the control process are started again when they die."""
    pair = make_nodes(lab).start()
    near = pair.client
    assert_pings(near.namespace, inner_address(1, 4))
    pings = Pinging(near.namespace, inner_address(1, 4))
    os.kill(near.part("control"), signal.SIGKILL)
    wait_until(
        lambda: near.umbra("status", check=False).returncode == 0, 10, "the tool is answered again"
    )
    assert near.tunnel_status(pair.client_tunnel)["state"] == "up"
    assert pings.missing() == []
    os.kill(near.part("net"), signal.SIGKILL)
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 15, "pings after net")
    assert near.wait_connected(pair.client_tunnel, "server")["received"] > 0


def test_peers_of_the_store(lab: Lab) -> None:
    """A peer made by the tool: shown with its origin, kept over restarts, gone when deleted."""
    pair = make_nodes(lab)
    pair.server.tunnels[pair.server_tunnel]["peers"] = []
    pair.start()
    far, near = pair.server, pair.client
    key = near.keys[pair.client_tunnel].public
    tunnel = pair.server_tunnel
    added = far.umbra("peer", "add", tunnel, "laptop", "--public-key", key)
    assert added.returncode == 0
    listed = far.peers(tunnel)["laptop"]
    # The next free addresses of the tunnel's own networks, which here are just the client's.
    assert listed["allowed_ips"] == [f"{inner_address(2, 4)}/32", f"{inner_address(2, 6)}/128"]
    assert listed["origin"] == "store"
    assert_pings(near.namespace, inner_address(1, 4))
    assert far.stop() == 0
    far.start()
    assert far.peers(tunnel)["laptop"]["origin"] == "store"
    # The client's session is of no use to a server that was restarted.
    near.umbra("down", pair.client_tunnel)
    near.umbra("up", pair.client_tunnel)
    assert_pings(near.namespace, inner_address(1, 6))
    again = far.umbra("peer", "add", tunnel, "laptop", "--public-key", key, check=False)
    assert again.returncode == 1 and "laptop" in again.stderr
    far.umbra("peer", "del", tunnel, "laptop")
    assert far.peers(tunnel) == {}
    assert not reachable(near.namespace, inner_address(1, 4))


def test_client_file(lab: Lab) -> None:
    """`umbra peer add` makes a file from which a client works at once."""
    pair = make_nodes(lab)
    pair.server.tunnels[pair.server_tunnel]["clients"] = {
        "endpoint": endpoint(outer_address(1, 4)),
        "allowed_ips": [f"{inner_address(1, 4)}/24"],
    }
    pair.server.start()
    made = pair.server.umbra("peer", "add", pair.server_tunnel, "tablet").stdout
    assert "PrivateKey" in made and endpoint(outer_address(1, 4)) in made
    folder = lab.folder / "etc"
    name = lab.interface_name()
    near = pair.client
    near.umbra("init", "client", "-", "--name", name, "--directory", str(folder), input=made)
    process = near.namespace.spawn(
        *near.command()[:1],
        *("-c", str(folder / "umbra.yaml")),
        *("--set", f"control.socket={near.socket}", "--set", f"node.state_dir={near.state}"),
    )
    wait_until(lambda: "ready, tunnels" in process.output(), 10, process.output())
    assert_pings(near.namespace, inner_address(1, 4))
    shown = pair.server.peers(pair.server_tunnel)["tablet"]
    assert shown["state"] == "connected"
    assert process.stop() == 0


def test_peer_of_the_file_stays(lab: Lab) -> None:
    """The file is the operator's: the tool does not remove what stands in it."""
    pair = make_nodes(lab)
    pair.server.start()
    refused = pair.server.umbra("peer", "del", pair.server_tunnel, "client", check=False)
    assert refused.returncode == 1
    assert str(pair.server.configuration) in refused.stderr
    assert "client" in pair.server.peers(pair.server_tunnel)


def test_events(lab: Lab) -> None:
    """What happens is told as it happens."""
    pair = make_nodes(lab)
    pair.server.start()
    far = pair.server
    environment = {**os.environ, "UMBRA_SOCKET": str(far.socket)}
    events = far.namespace.spawn(
        far.command()[0].removesuffix("d"), "events", "--json", env=environment
    )
    pair.client.start()
    assert_pings(pair.client.namespace, inner_address(1, 4))
    wait_until(lambda: "peer.connected" in events.output(), 10, "event of the handshake")
    far.umbra("down", pair.server_tunnel)
    wait_until(lambda: "tunnel.down" in events.output(), 10, "event of the tunnel")
    seen = [json.loads(line) for line in events.output().splitlines()]
    connected = next(e for e in seen if e["kind"] == "peer.connected")
    assert connected["tunnel"] == pair.server_tunnel
    assert connected["peer"] == "client"
    assert [e["sequence"] for e in seen] == sorted(e["sequence"] for e in seen)
    assert events.stop(signal.SIGINT) == 0


def test_log_level(lab: Lab) -> None:
    """The level changes at run time, by the tool and by a signal."""
    pair = make_nodes(lab)
    pair.server.log_level = "info"
    pair.server.start()
    far = pair.server
    assert far.status()["log_level"] == "info"
    far.umbra("log", "debug")
    assert far.status()["log_level"] == "debug"
    far.umbra("log", "error")
    assert far.process
    os.kill(far.process.pid, signal.SIGUSR1)
    wait_until(lambda: far.status()["log_level"] == "debug", 5, "debug by SIGUSR1")


def test_two_tunnels(lab: Lab) -> None:
    """Two tunnels of one daemon, each with its own port; one goes down, the other stays."""
    pair = make_nodes(lab)
    near, far = pair.client, pair.server
    second_far = far.tunnel(["10.88.0.1/24"], listen="[::]:51900")
    second_near = near.tunnel(["10.88.0.2/24"])
    near.tunnels[second_near]["peers"] = [
        peer("server", far.keys[second_far], ["10.88.0.1/32"], endpoint(outer_address(1, 6), 51900))
    ]
    far.tunnels[second_far]["peers"] = [peer("client", near.keys[second_near], ["10.88.0.2/32"])]
    pair.start()
    assert_pings(near.namespace, "10.88.0.1")
    pings = Pinging(near.namespace, inner_address(1, 4))
    far.umbra("down", second_far)
    assert not reachable(near.namespace, "10.88.0.1")
    far.umbra("up", second_far)
    # A new session at once, in place of the one that only this end still has.
    near.umbra("down", second_near)
    near.umbra("up", second_near)
    assert_pings(near.namespace, "10.88.0.1")
    assert pings.missing() == []


def test_json_log(lab: Lab) -> None:
    """Every line of every process is one JSON object, and no secret is in any of them."""
    pair = make_nodes(lab)
    far = pair.server
    far.write()
    text = json.loads(far.configuration.read_text())
    text["node"]["log"]["format"] = "json"
    far.configuration.write_text(json.dumps(text))
    process = far.launch()
    wait_until(lambda: "ready, tunnels" in far.log_text(), 10, "ready")
    pair.client.start()
    assert_pings(pair.client.namespace, inner_address(1, 4))
    os.kill(far.part("net"), signal.SIGKILL)
    wait_until(lambda: "ready again" in far.log_text(), 10, "the net process")
    assert process.stop() == 0
    lines = [json.loads(line) for line in far.log_text().splitlines()]
    assert {line["level"] for line in lines} >= {"info", "debug", "error"}
    assert all(line["message"] and line["time"].endswith("Z") for line in lines)
    assert far.keys[pair.server_tunnel].private not in far.log_text()


def test_relative_path(lab: Lab) -> None:
    """A configuration named relatively is found again when it is read again."""
    node = Node(lab, lab.namespace("client"), "client")
    node.tunnel(networks(2))
    node.write()
    command = [node.command()[0], "-c", "client/umbra.yaml"]
    script = f"cd {lab.folder} && exec {' '.join(command)}"
    node.process = node.namespace.spawn("sh", "-c", script)
    wait_until(lambda: "ready, tunnels" in node.process.output(), 10, "ready")
    assert "was read again" in node.reload().stdout
    assert node.process.stop() == 0


def test_locks(lab: Lab) -> None:
    """A state folder, and a namespace's rules and firewall, belong to one daemon."""
    pair = make_nodes(lab).start()
    near, far = pair.client, pair.server
    third = Node(lab, near.namespace, "third")
    third.write()
    process = third.launch()
    assert process.wait() == 1
    assert "in this network namespace" in third.log_text()
    fourth = Node(lab, lab.namespace("fourth"), "fourth")
    fourth.write()
    process = fourth.launch("--set", f"node.state_dir={far.state}")
    assert process.wait() == 1
    assert "runs already with the state folder" in fourth.log_text()
    assert_pings(near.namespace, inner_address(1, 4))


def test_background(lab: Lab) -> None:
    """In the background nothing of the terminal is kept, and it is there when the command ends."""
    pair = make_nodes(lab)
    near = pair.client
    pair.server.start()
    near.write()
    before = set(near.namespace.daemons())
    done = near.namespace.run(*near.command("--background"), timeout=20)
    started = set(near.namespace.daemons()) - before
    lab.defer(lambda: kill_all(sorted(started)))
    assert done.returncode == 0
    assert_pings(near.namespace, inner_address(1, 4))
    assert len(started) == 3
    for pid in started:
        open_files = [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)]
        assert open_files == ["/dev/null"] * 3
    (first,) = (pid for pid in started if os.getsid(pid) == pid)
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: not near.namespace.daemons(), 10, "the end")
    assert pair.client_tunnel not in near.namespace.links()
