"""Processes that die or stop at the wrong moment, and files that are not as they should be."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import time

import pytest

from harness.device import new_key
from harness.lab import Lab
from harness.node import Node, peer, seconds_of
from harness.process import Process, wait_until

pytestmark = pytest.mark.umbra


def one_node(lab: Lab, **values: object) -> tuple[Node, str]:
    node = Node(lab, lab.namespace("one"), "one")
    return node, node.tunnel(["10.88.0.1/24"], listen="[::]:5000", **values)


def spawn(node: Node, *arguments: str) -> Process:
    tool = node.command()[0].removesuffix("d")
    return node.namespace.spawn(tool, "--socket", str(node.socket), *arguments)


def ticks(pid: int) -> int:
    """Processor time so far, in hundredths of a second."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def descriptors(node: Node) -> list[int]:
    assert node.process
    pids = [node.process.pid, node.part("net"), node.part("control")]
    return [len(os.listdir(f"/proc/{pid}/fd")) for pid in pids]


def test_net_dies_during_orders(lab: Lab) -> None:
    """A net process that is killed amid up and reload costs time; what was ordered is done."""
    node, name = one_node(lab)
    node.start()
    for order in (("down", name), ("up", name), ("reload",)):
        known = new_key()
        node.tunnels[name]["peers"] = [peer("known", known, ["10.88.0.9/32"])]
        node.write()
        net = node.part("net")
        os.kill(net, signal.SIGSTOP)
        asked = spawn(node, *order)
        time.sleep(0.2)
        os.kill(net, signal.SIGKILL)
        assert asked.wait(20) == 0, asked.output()
    shown = node.peers(name)["known"]
    assert shown["public_key"] == known.public
    # The device has it, and none of those before.
    assert node.tunnel_status(name)["peer_count"] == 1
    assert node.tunnel_status(name)["state"] == "up"
    assert "failed" not in node.log_text()


def test_control_does_not_read(lab: Lab) -> None:
    """A control process that stands still is replaced, and the next one knows how things are."""
    node, name = one_node(lab)
    for i in range(4):
        node.tunnel([f"10.89.{i}.1/24"])
    node.start()
    assert node.process
    control = node.part("control")
    os.kill(control, signal.SIGSTOP)
    node.tunnels[name]["mtu"] = 1390
    node.write()
    os.kill(node.process.pid, signal.SIGHUP)

    def replaced() -> bool:
        # Each of these is a message to it.
        os.kill(node.process.pid, signal.SIGUSR1)
        return "it does not read" in node.log_text()

    wait_until(replaced, 20, "a full channel", every=0.003)
    wait_until(lambda: "the control process is ready again" in node.log_text(), 10, "the next one")
    shown = {t["name"]: (t["state"], t["mtu"]) for t in node.status()["tunnels"]}
    assert shown.pop(name) == ("up", 1390)
    assert set(shown.values()) == {("up", 1420)}
    assert node.part("control") != control


def becomes_folder(path: pathlib.Path) -> bool:
    """False: something was there again at once."""
    path.unlink(missing_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def test_socket_comes_back(lab: Lab) -> None:
    """Something else in the place of the control socket is waited for, without haste."""
    node, _ = one_node(lab)
    node.start()
    node.socket.unlink()
    wait_until(lambda: node.socket.is_socket(), 5, "the socket")
    node.umbra("status")
    wait_until(lambda: becomes_folder(node.socket), 5, "a folder in the socket's place")
    wait_until(lambda: "could not be made again" in node.log_text(), 5, "the log")
    os.kill(node.part("control"), signal.SIGKILL)
    wait_until(lambda: "the control process is ready again" in node.log_text(), 10, "control")
    assert node.process
    before = ticks(node.process.pid)
    time.sleep(1)
    assert ticks(node.process.pid) - before < 30
    node.socket.rmdir()
    wait_until(lambda: node.socket.is_socket(), 5, "the socket again")
    assert node.socket.stat().st_mode & 0o777 == 0o600
    node.umbra("status")


def test_what_takes_a_restart_waits_for_it(lab: Lab) -> None:
    """Another state folder in the file changes nothing before the next start."""
    node, name = one_node(lab, masquerade=True)
    node.start()
    before = node.traces()
    node.write()
    content = json.loads(node.configuration.read_text())
    content["node"]["state_dir"] = str(node.folder / "no" / "such")
    content["control"]["socket"] = str(node.folder / "other.sock")
    node.configuration.write_text(json.dumps(content))
    node.umbra("reload")
    node.umbra("down", name)
    node.umbra("up", name)
    node.umbra("peer", "add", name, "kept", "--public-key", new_key().public)
    os.kill(node.part("control"), signal.SIGKILL)
    wait_until(lambda: node.umbra("status", check=False).returncode == 0, 10, "the API")
    assert list(node.peers(name)) == ["kept"]
    assert not (node.folder / "no").exists()
    assert node.traces() == before
    assert node.log_text().count("that takes a restart") == 2


def test_store_comes_back(lab: Lab) -> None:
    """Without a store tunnels work; a reload takes it up once it can be opened."""
    node, name = one_node(lab)
    (node.state / "store").mkdir(mode=0o700, parents=True)
    database = node.state / "store" / "umbra.db"
    database.write_text("this is not a database " * 100)
    node.start()
    key = new_key().public
    refused = node.umbra("peer", "add", name, "first", "--public-key", key, check=False)
    assert refused.returncode != 0 and "umbra.db" in refused.stderr
    database.unlink()
    node.reload()
    node.umbra("peer", "add", name, "first", "--public-key", key)
    assert database.stat().st_mode & 0o777 == 0o600
    assert "forgotten" not in node.umbra("down", name).stdout


def test_interface_deleted(lab: Lab) -> None:
    """An interface that somebody deletes is told of, and a reload or up makes it again."""
    node, name = one_node(lab, masquerade=True)
    before = None
    node.start()
    for order in (("reload",), ("up", name)):
        before = before or node.traces()
        node.namespace.run("ip", "link", "del", name)
        wait_until(lambda: node.tunnel_status(name)["state"] == "failed", 5, "failed")
        assert "deleted" in node.tunnel_status(name)["reason"]
        node.umbra(*order)
        wait_until(lambda: node.tunnel_status(name)["state"] == "up", 5, "up again")
        assert node.traces() == before
    # At once: what the deletion brings about must not meet the tunnel that came after.
    node.namespace.run("ip", "link", "del", name)
    node.umbra("down", name)
    node.umbra("up", name)
    time.sleep(0.3)
    assert node.tunnel_status(name)["state"] == "up"
    assert node.traces() == before


def test_orders_at_once(lab: Lab) -> None:
    """Twelve tools at a time; all are answered, and no descriptor is left open."""
    node, name = one_node(lab)
    other = node.tunnel(["10.88.1.1/24"], masquerade=True)
    node.start()
    node.reload()
    before = descriptors(node)
    orders = [("up", name), ("down", name), ("reload",), ("up", other), ("down", other), ("status",)]
    for _ in range(3):
        asked = [spawn(node, *order) for order in orders * 2]
        for process in asked:
            assert process.wait(30) == 0, process.output()
    for _ in range(10):
        node.umbra("down", name)
        node.umbra("up", name)
        node.umbra("reload")
    node.umbra("up", other)
    wait_until(lambda: descriptors(node) == before, 5, f"{before}, not {descriptors(node)}")


def test_ports_change_often(lab: Lab) -> None:
    """A reload that changes the port opens new sockets; those of before are closed everywhere."""
    node, name = one_node(lab)
    node.start()
    node.reload()
    before = descriptors(node)
    for port in (5001, 5002, 5003, 5004):
        node.tunnels[name]["listen"] = f"[::]:{port}"
        node.reload()
        assert node.tunnel_status(name)["listen_port"] == port
    wait_until(lambda: descriptors(node) == before, 5, f"{before}, not {descriptors(node)}")
    # All shards and both families share the last port.
    open_ports = {line.split()[3] for line in node.namespace.run("ss", "-Hlun").stdout.splitlines()}
    assert {address.rsplit(":", 1)[1] for address in open_ports} == {"5004"}


def test_most_tunnels(lab: Lab) -> None:
    """64 tunnels come up, 65 are refused, and one takes the place of another."""
    node = Node(lab, lab.namespace("one"), "one")
    node.log_level = "info"
    names = [node.tunnel([f"10.90.{i}.1/24"]) for i in range(64)]
    before = node.traces()
    node.start(timeout=40)
    assert seconds_of(lambda: node.umbra("reload")) < 5
    fresh = node.tunnel(["10.91.0.1/24"])
    refused = node.reload(check=False)
    assert refused.returncode == 1 and "64" in refused.stderr
    node.tunnels.pop(names[7])
    node.reload()
    wait_until(lambda: node.tunnel_status(fresh)["state"] == "up", 5, "the new one")
    assert {t["state"] for t in node.status()["tunnels"]} == {"up"}
    assert node.stop() == 0
    assert node.traces() == before
