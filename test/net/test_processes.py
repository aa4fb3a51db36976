"""Either of the two processes killed at any time."""

from __future__ import annotations

import os
import signal

import pytest

from harness.device import Device
from harness.lab import Lab
from harness.pair import Host, make_pair
from harness.process import SLOW, STALL, run, wait_until
from harness.traffic import BIG, Pinging, assert_pings, transfer

pytestmark = [pytest.mark.umbra, pytest.mark.calm]


def kill_net(device: Device) -> None:
    """Kills *net* and waits until another one runs."""
    pid = wait_until(device.net_pid, 5, "a net process")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: device.net_pid() not in (None, pid), 10, "another net process")


def described(host: Host) -> tuple[object, ...]:
    """All that must outlive a restart of *net*."""
    link = host.namespace.links()[host.device.name]
    addresses = sorted((a["local"], a["prefixlen"]) for a in link["addr_info"])
    routes = host.namespace.run("ip", "route", "show", "table", "all").stdout
    device = host.device.show("dump").splitlines()[0]
    peers = sorted(
        (p.public_key, p.preshared_key, p.allowed_ips, p.keepalive)
        for p in host.device.peers().values()
    )
    return link["ifindex"], link["mtu"], link["flags"], addresses, routes, device, peers


def test_net_killed_where_the_endpoint_is_known(lab: Lab) -> None:
    """kill -9 of the client's net process: traffic again within 2 s, everything as before."""
    pair = make_pair(lab, mtu=1380)
    client, server = pair.client, pair.server
    client.device.set("fwmark", "0x77")
    client.device.set("peer", server.device.key.public, "persistent-keepalive", "21")
    pings = Pinging(client.namespace, server.inner[4])
    before = described(client)
    for _ in range(3):
        kill_net(client.device)
        pings.next(3)
        assert pings.longest_gap() < 2 * SLOW + STALL
        assert described(client) == before
    assert client.device.peer(server.device).endpoint == f"{server.outer[4]}:51820"
    assert_pings(server.namespace, client.inner[6])
    transfer(client.namespace, server.namespace, server.inner[4], BIG // 5)
    assert client.device.process and client.device.process.running()


@pytest.mark.long
def test_net_killed_where_only_the_peer_knows(lab: Lab) -> None:
    """kill -9 of the server's net process: the client's timers bring traffic back within 20 s."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    pings = Pinging(client.namespace, server.inner[4])
    before = described(server)
    kill_net(server.device)
    pings.next(20)
    assert pings.longest_gap() < 20 * SLOW
    assert described(server) == before
    assert_pings(server.namespace, client.inner[6])


class Careless(Device):
    """Started by somebody who ignores the end of children, which is inherited."""

    def command(self, foreground: bool = True) -> list[str]:
        return ["env", "--ignore-signal=CHLD", *super().command(foreground)]


def test_net_killed_where_its_end_is_ignored(lab: Lab) -> None:
    """An inherited SIGCHLD of "ignore" does not hide the end of the net process."""
    device = Careless(lab, lab.namespace("alone")).start()
    kill_net(device)
    wait_until(device.answers, 5, "an answer to wg")


def test_net_killed_while_moved_and_down(lab: Lab) -> None:
    """A net process that starts anew finds its interface in another namespace, and down."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    target = lab.namespace("target")
    client.namespace.ip(f"link set {client.device.name} netns {target.name}")
    kill_net(client.device)
    client.namespace = target
    client.bring_up()
    wait_until(client.device.answers, 5, "wg show")
    assert_pings(target, server.inner[4])
    kill_net(client.device)
    wait_until(client.device.answers, 5, "wg show")
    assert_pings(target, server.inner[4])
    assert_pings(server.namespace, client.inner[6])


def test_net_killed_under_wg(lab: Lab) -> None:
    """wg(8) gets an answer, or a clear error, from a daemon whose net process just died."""
    pair = make_pair(lab)
    device = pair.client.device
    for number in range(3):
        pid = wait_until(device.net_pid, 5, "a net process")
        os.kill(pid, signal.SIGKILL)
        result = run(["wg", "show", device.name], check=False, timeout=5)
        assert result.returncode == 0 or result.stderr
        wait_until(lambda: device.net_pid() not in (None, pid), 10, "another net process")
        device.set("peer", pair.server.device.key.public, "persistent-keepalive", str(5 + number))
        assert device.peer(pair.server.device).keepalive == str(5 + number)


def test_privileged_killed(lab: Lab) -> None:
    """kill -9 of the privileged process ends everything; the stale socket is no obstacle."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    for _ in range(2):
        assert client.device.net_pid()
        assert client.device.process
        client.device.process.stop(signal.SIGKILL)
        wait_until(lambda: not client.namespace.daemons(), 5, "net ended too")
        wait_until(lambda: client.device.name not in client.namespace.links(), 5, "link gone")
        client.device.start()
    client.device.configure(0, server.section(4))
    client.bring_up()
    assert_pings(client.namespace, server.inner[4])


def test_no_core_dumps(lab: Lab) -> None:
    """Neither process can leave a core file, or be read by another of the same user."""
    device = Device(lab, lab.namespace("alone")).start()
    assert device.process
    for pid in (device.process.pid, wait_until(device.net_pid, 5, "a net process")):
        with open(f"/proc/{pid}/limits") as limits:
            line = next(line for line in limits if line.startswith("Max core file size"))
        assert line.split()[4:6] == ["0", "0"]
