"""What the kernel itself answers while the kill switch is up: nothing, but to its neighbours."""

from __future__ import annotations

import socket

import pytest

from harness.lab import Lab
from harness.names import NAME, NameServer, resolv_conf
from harness.pair import PORT, inner_address, outer_address
from harness.process import wait_until
from harness.traffic import assert_pings, reachable
from test_kill_switch import INTERNET, Home, tables

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

CLOSED = 4  # a port that nobody listens at


def link_local(home: Home) -> str:
    shown = home.space.links()[home.link]["addr_info"]
    return next(a["local"] for a in shown if a["local"].startswith("fe80:"))


def provoke(home: Home, near: bool = True) -> None:
    """Datagrams to closed ports, connections to them, and pings, from the cable's other end.

    near: to the link's own address as well.
    """
    scope = home.router.call(lambda: socket.if_nametoindex(home.far_link))
    targets: list[tuple[int, tuple[object, ...]]] = [
        (socket.AF_INET, (outer_address(2, 4),)),
        (socket.AF_INET6, (outer_address(2, 6), 0, 0)),
    ]
    if near:
        targets.append((socket.AF_INET6, (link_local(home), 0, scope)))

    def send() -> None:
        for family, (address, *rest) in targets:
            for port in (PORT, CLOSED):
                with socket.socket(family, socket.SOCK_DGRAM) as made:
                    for size in (32, 148, 384, 1300):
                        try:
                            made.sendto(b"\4\0\0\0" + bytes(size - 4), (address, port, *rest))
                        except ConnectionRefusedError:
                            pass
                with socket.socket(family, socket.SOCK_STREAM) as made:
                    made.setblocking(False)
                    try:
                        made.connect((address, port, *rest))
                    except OSError:
                        pass

    for _ in range(5):
        home.router.call(send)
    for _, (address, *rest) in targets:
        where = f"{address}%{home.far_link}" if rest and rest[-1] else str(address)
        home.router.run("ping", "-n", "-c", "2", "-i", "0.1", "-W", "0.2", where, check=False)


@pytest.mark.parametrize("ended", ("killed", "stopped"))
def test_answers(lab: Lab, ended: str) -> None:
    """Without a daemon its port is closed: nobody gets to know, with the rules and without."""
    home = Home(lab)
    home.pair.start()
    watch = home.watch()
    provoke(home)
    home.space.nft("flush ruleset")
    # Answers to link-local addresses stay on the link, and take no route that could be missing.
    provoke(home, near=False)
    wait_until(lambda: "umbra_kill" in tables(home.space), 5, "the rules are back")
    watch.assert_none("while the tunnel is up")
    home.client.kill() if ended == "killed" else home.client.stop()
    wait_until(lambda: home.tunnel not in home.space.links(), 5, "the interface is gone")
    provoke(home)
    watch.assert_none("with rules and routes")
    home.space.nft("flush ruleset")
    provoke(home, near=False)
    watch.assert_none("with the routes alone")
    home.client.start()
    provoke(home)
    assert home.client.stop() == 0
    for family in ("-4", "-6"):
        home.space.run("ip", family, "rule", "add", "pref", "1", "lookup", "main")
    provoke(home)
    watch.assert_none("with the rules alone")
    home.unblock()
    provoke(home)
    wait_until(
        lambda: all(f" protocol {kind} " in " ".join(watch.leaks) for kind in (1, 6, 58)),
        5,
        "without a kill switch it answers",
    )


def forget_neighbours(home: Home) -> None:
    home.router.ip(f"neigh flush dev {home.far_link}")
    home.space.ip(f"neigh flush dev {home.link}")


def test_strict_rp_filter(lab: Lab) -> None:
    """The gateway forgets who the client is, asks by ARP, and is answered; names are resolved."""
    home = Home(lab, server_endpoint=f"{NAME}:{PORT}")
    names = NameServer(lab, home.router, outer_address(1, 4))
    names.serve(outer_address(1, 4))
    resolv_conf(lab, outer_address(1, 4))
    for link in ("all", home.link):
        home.space.sysctl(f"net.ipv4.conf.{link}.rp_filter", 1)
    before = home.client.traces()
    forget_neighbours(home)
    home.pair.start()
    wait_until(lambda: reachable(home.space, inner_address(1, 4)), 15, "the endpoint's name")
    watch = home.watch(resolvers=[outer_address(1, 4)])
    for _ in range(3):
        forget_neighbours(home)
        assert_pings(home.router, inner_address(2, 4))
        assert_pings(home.space, INTERNET[4])
    watch.assert_none("of a host with strict filtering")
    assert watch.seen["arp"] >= 3
    # Blocked, with no tunnel, or before there was any: it is known on its link all the same.
    assert home.client.stop() == 0
    for earlier in (False, True):
        if earlier:
            home.unblock()
            home.block()
        forget_neighbours(home)
        assert not reachable(home.router, outer_address(2, 4))
        shown = home.router.run("ip", "neigh", "show", outer_address(2, 4)).stdout
        assert "lladdr" in shown, shown
    watch.assert_none("without a daemon")
    home.client.start()
    wait_until(lambda: reachable(home.space, inner_address(1, 4)), 15, "the name once more")
    home.client.umbra("down", home.tunnel)
    assert home.client.traces() == before
