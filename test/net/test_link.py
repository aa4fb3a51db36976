"""The interface is a link like others: moved, resized, set down and up, deleted."""

from __future__ import annotations

import pytest

from harness.device import Device
from harness.lab import Lab, nodad
from harness.pair import make_pair
from harness.process import run, wait_until
from harness.traffic import BIG, Pinging, assert_pings, reachable, transfer


@pytest.mark.calm
@pytest.mark.parametrize("which", ["client", "server"])
def test_moved_to_another_namespace(lab: Lab, which: str) -> None:
    """An interface moved under way carries traffic there; its sockets stay where they were."""
    pair = make_pair(lab)
    assert_pings(pair.client.namespace, pair.server.inner[4])
    moved = getattr(pair, which)
    other = pair.server if which == "client" else pair.client
    name = moved.device.name
    target = lab.namespace("target")
    moved.namespace.ip(f"link set {name} netns {target.name}")
    home, moved.namespace = moved.namespace, target
    moved.bring_up()
    assert_pings(target, other.inner[4])
    assert_pings(other.namespace, moved.inner[6])
    transfer(target, other.namespace, other.inner[4], BIG // 5)
    transfer(other.namespace, target, moved.inner[6], BIG // 5)
    assert set(home.links()) == {"lo", moved.underlay}

    # There, too, it is watched: down, up, another MTU.
    target.ip(f"link set {name} down")
    assert not reachable(other.namespace, moved.inner[4])
    target.ip(f"link set {name} up mtu 1300")
    wait_until(lambda: reachable(target, other.inner[4]), 10, "traffic after up")
    assert_pings(other.namespace, moved.inner[4])

    # And deleted.
    target.ip(f"link del {name}")
    assert moved.device.process and moved.device.process.wait() == 0
    assert not moved.device.socket_path.exists()


def test_mtu_changed_under_way(lab: Lab) -> None:
    """The MTU goes up and down while traffic runs; each size passes in full and nothing is lost."""
    pair = make_pair(lab, underlay_mtu=9500)
    client, server = pair.client, pair.server
    pings = Pinging(client.namespace, server.inner[4])
    for mtu in (1280, 9000, 1420, 1500):
        for host in (client, server):
            host.namespace.ip(f"link set {host.device.name} mtu {mtu}")
        assert_pings(client.namespace, server.inner[4], 3, "-s", str(mtu - 28), "-M", "do")
        assert_pings(server.namespace, client.inner[6], 3, "-s", str(mtu - 48), "-M", "do")
        transfer(client.namespace, server.namespace, server.inner[4], BIG // 10)
    assert pings.missing() == []


@pytest.mark.parametrize("which", ["client", "server"])
def test_down_and_up(lab: Lab, which: str) -> None:
    """Down stops traffic, up brings it back without configuration."""
    pair = make_pair(lab)
    host = getattr(pair, which)
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    before = host.device.show("dump").splitlines()[0]
    for _ in range(2):
        host.namespace.ip(f"link set {host.device.name} down")
        assert not reachable(client.namespace, server.inner[4])
        host.namespace.ip(f"link set {host.device.name} up")
        # A server that was down has no session: the client's next handshake brings one.
        wait_until(
            lambda: reachable(client.namespace, server.inner[4]), 25, "traffic after up", every=0.2
        )
        assert_pings(server.namespace, client.inner[6])
        assert_pings(client.namespace, server.inner[6])
    assert host.device.show("dump").splitlines()[0] == before


def test_deleted(lab: Lab) -> None:
    """A deleted link ends the process with status 0 and takes the socket along."""
    pair = make_pair(lab)
    assert_pings(pair.client.namespace, pair.server.inner[4])
    device = pair.client.device
    pair.client.namespace.ip(f"link del {device.name}")
    assert device.process and device.process.wait() == 0
    wait_until(device.gone, 5, "socket gone")


def test_socket_removed(lab: Lab) -> None:
    """A removed socket file ends the process and takes the link along."""
    pair = make_pair(lab)
    device = pair.client.device
    device.socket_path.unlink()
    assert device.process and device.process.wait() == 0
    wait_until(device.gone, 5, "link gone")


def test_terminated(lab: Lab) -> None:
    """SIGTERM ends the process with status 0; nothing is left, and the name can be used again."""
    pair = make_pair(lab)
    client = pair.client
    for _ in range(2):
        assert client.device.stop() == 0
        wait_until(client.device.gone, 5, "nothing left")
        client.device.start()
    client.device.configure(0, pair.server.section(4))
    client.bring_up()
    assert_pings(client.namespace, pair.server.inner[4])


def test_daemon(lab: Lab) -> None:
    """Without -f the command returns 0 once the tunnel can be configured, and then it works."""
    pair = make_pair(lab)
    space = lab.namespace("daemon")
    device = Device(lab, space)
    # run() also waits for the end of the output: a daemon must not hold it, or scripts hang.
    quiet = {name: value for name, value in device.environment.items() if name != "LOG_LEVEL"}
    run(space.command(device.command(foreground=False)), env=quiet, timeout=10)
    assert device.answers(), "not ready when the command returned"
    assert device.name in space.links()
    lab.link(space, pair.server.namespace, ["198.18.9.2/24"], ["198.18.9.1/24"])
    pair.server.device.set("peer", device.key.public, "allowed-ips", "10.99.0.9/32,fd99::9/128")
    device.configure(0, pair.server.section() + "\nEndpoint = 198.18.9.1:51820")
    space.ip(
        *(
            f"address add {a} dev {device.name}{nodad(a)}"
            for a in ("10.99.0.9/24", "fd99::9/64")
        ),
        f"link set {device.name} up",
    )
    assert_pings(space, pair.server.inner[4])
    assert_pings(space, pair.server.inner[6])
    space.ip(f"link del {device.name}")
    wait_until(device.gone, 10, "daemon gone with its link")
