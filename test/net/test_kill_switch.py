"""The kill switch: nothing leaves past the tunnel, whatever happens to it, until somebody says so."""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import time

import pytest

from harness.device import BIN
from harness.lab import Lab, Namespace
from harness.leaks import LeakWatch, Senders
from harness.node import Node
from harness.nodes import NodePair, hosts, make_nodes
from harness.pair import PORT, inner_address, outer_address
from harness.process import SLOW, run, wait_until
from harness.traffic import assert_pings, reachable
from test_node_names import NAME, NameServer, resolv_conf

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

INTERNET = {4: "203.0.113.7", 6: "2001:db8:7::7"}
GATEWAY = {4: "203.0.113.1", 6: "2001:db8:7::1"}
SO_BINDTODEVICE = 25
IP_ADD_SOURCES = [outer_address(2, 4), outer_address(2, 6)]


class Home:
    """A client behind a router that is the VPN server as well, with the Internet behind it.

    The router would forward whatever leaks, and the capture is on its end of the client's cable.
    """

    def __init__(self, lab: Lab, outside: int = 4, **options: object) -> None:
        spaces = (lab.namespace("client"), lab.namespace("server"))
        self.link, self.far_link = lab.link(
            *spaces,
            [f"{outer_address(2, 4)}/24", f"{outer_address(2, 6)}/64"],
            [f"{outer_address(1, 4)}/24", f"{outer_address(1, 6)}/64"],
        )
        self.lab = lab
        self.pair: NodePair = make_nodes(
            lab,
            spaces=spaces,
            outside=outside,
            client_allowed=["0.0.0.0/0", "::/0"],
            server={"masquerade": True},
            **options,  # type: ignore[arg-type]
        )
        self.internet = lab.namespace("internet")
        lab.link(
            self.router,
            self.internet,
            [f"{GATEWAY[4]}/24", f"{GATEWAY[6]}/64"],
            [f"{INTERNET[4]}/24", f"{INTERNET[6]}/64"],
        )
        self.internet.ip(
            f"route add default via {GATEWAY[4]}", f"route add default via {GATEWAY[6]}"
        )
        self.space.ip(
            f"route add default via {outer_address(1, 4)}",
            f"route add default via {outer_address(1, 6)}",
        )

    @property
    def client(self) -> Node:
        return self.pair.client

    @property
    def tunnel(self) -> str:
        return self.pair.client_tunnel

    @property
    def settings(self) -> dict[str, object]:
        return self.client.tunnels[self.tunnel]

    @property
    def space(self) -> Namespace:
        return self.pair.client.namespace

    @property
    def router(self) -> Namespace:
        return self.pair.server.namespace

    def watch(self, **options: object) -> LeakWatch:
        endpoints = [(outer_address(1, f), PORT) for f in (4, 6)]
        return LeakWatch(self.router, self.far_link, endpoints, **options)  # type: ignore[arg-type]

    def outside(self) -> bool:
        """Whether the client reaches anything of the Internet, in whatever way."""
        return any(reachable(self.space, INTERNET[f]) for f in (4, 6))

    def assert_outside(self) -> None:
        for family in (4, 6):
            assert_pings(self.space, INTERNET[family], 1)

    def send_everything(self) -> Senders:
        return Senders(
            self.space,
            [INTERNET[4], INTERNET[6], outer_address(1, 4), outer_address(9, 4)],
            IP_ADD_SOURCES,
            [outer_address(1, 4), outer_address(1, 6)],
        )

    def send_by_device(self) -> None:
        """What heeds no routes."""

        def send() -> None:
            for family, target in ((socket.AF_INET, INTERNET[4]), (socket.AF_INET6, INTERNET[6])):
                with socket.socket(family, socket.SOCK_DGRAM) as made:
                    made.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, self.link.encode())
                    try:
                        made.sendto(b"leak?", (target, 9))
                    except OSError:
                        pass

        self.space.call(send)

    def block(self) -> str:
        return self._without_daemon("--block")

    def unblock(self) -> str:
        return self._without_daemon("--unblock")

    def _without_daemon(self, option: str) -> str:
        command = [str(BIN / "umbrad"), "-c", str(self.client.configuration), option]
        return run(self.space.command(command), check=True).stdout


def tables(space: Namespace) -> list[str]:
    listed = json.loads(space.run("nft", "-j", "list", "tables").stdout)["nftables"]
    return sorted(t["table"]["name"] for t in listed if "table" in t)


def test_what_leaves_without(lab: Lab) -> None:
    """The test's own instrument: without a kill switch all of this is seen."""
    home = Home(lab, client={"kill_switch": False})
    home.pair.server.start()
    watch, senders = home.watch(), home.send_everything()
    home.send_by_device()
    kinds = [f"> {INTERNET[f]} protocol {p} " for f, p in ((4, 17), (6, 17), (4, 6), (6, 6))]
    kinds += [f"> {INTERNET[4]} protocol 1 ", f"> {INTERNET[6]} protocol 58 ", ", 53)"]
    wait_until(
        lambda: all(kind in " ".join(watch.leaks) for kind in kinds),
        10,
        f"all kinds of packets of a host without a tunnel: {kinds}",
    )
    senders.close()


@pytest.mark.parametrize("outside", (4, 6))
def test_default_client(lab: Lab, outside: int) -> None:
    """A client that routes everything has it; flows of before are cut; rogue routes lead nowhere."""
    home = Home(lab, outside=outside)
    home.pair.server.start()
    ear = home.internet.socket(socket.AF_INET, socket.SOCK_STREAM)
    ear.bind((INTERNET[4], 8080))
    ear.listen()
    flow = home.space.socket(socket.AF_INET, socket.SOCK_STREAM)
    flow.connect((INTERNET[4], 8080))
    other, _ = ear.accept()
    other.settimeout(10)
    flow.sendall(b"before")
    assert other.recv(100) == b"before"
    other.settimeout(1)
    home.client.start()
    watch = home.watch()
    try:
        flow.sendall(b"after")
    except OSError:
        pass
    with pytest.raises(OSError):
        assert other.recv(100) == b"", "the flow goes on"
    for family in (4, 6):
        assert_pings(home.space, INTERNET[family])
        assert_pings(home.space, inner_address(1, family))
    # As of DHCP's option 121, or of a router advertisement.
    home.space.ip(
        f"route add {INTERNET[4]}/32 via {outer_address(1, 4)}",
        f"route add {INTERNET[6]}/128 via {outer_address(1, 6)}",
        "route add 0.0.0.0/1 via " + outer_address(1, 4),
    )
    home.space.ip("neigh flush all")
    senders = home.send_everything()
    home.send_by_device()
    for family in (4, 6):
        assert_pings(home.space, INTERNET[family])
    home.send_by_device()
    senders.close()
    watch.assert_none("a working tunnel")
    assert watch.seen["tunnel"] > 20 and watch.seen["arp" if outside == 4 else "neighbours"] > 0
    assert sum(senders.sent.values()) > 20


def test_forward(lab: Lab) -> None:
    """What is behind the client gets out through the tunnel, and only there."""
    home = Home(lab)
    behind = lab.namespace("behind")
    lab.link(
        *(home.space, behind),
        *(["192.168.50.1/24", "fd50::1/64"], ["192.168.50.2/24", "fd50::2/64"]),
    )
    behind.ip("route add default via 192.168.50.1", "route add default via fd50::1")
    home.pair.server.tunnels[home.pair.server_tunnel]["peers"][0]["allowed_ips"] = [
        *hosts(2),
        "192.168.50.0/24",
        "fd50::/64",
    ]
    home.settings["forward"] = True
    home.pair.start()
    watch = home.watch()
    for family in (4, 6):
        assert_pings(behind, INTERNET[family])
    home.client.kill()
    wait_until(lambda: home.tunnel not in home.space.links(), 5, "the interface goes")
    # umbrad took forwarding back, or was killed; a container host has it set by itself.
    home.space.sysctl("net.ipv4.ip_forward", 1)
    home.space.sysctl("net.ipv6.conf.all.forwarding", 1)
    senders = Senders(behind, INTERNET.values())
    time.sleep(0.3)
    senders.close()
    assert sum(senders.sent.values()) > 20
    watch.assert_none("from behind the client")
    # The rules alone hold, too, and of them those of either place.
    home.space.run("ip", "rule", "add", "pref", "1", "lookup", "main")
    home.space.run("ip", "-6", "rule", "add", "pref", "1", "lookup", "main")
    whole = home.space.run("nft", "list", "table", "inet", "umbra_kill").stdout
    for missing in ((), ("leaving",), ("output", "forward")):
        home.space.nft("delete table inet umbra_kill\n" + whole)
        for chain in missing:
            home.space.run("nft", "flush", "chain", "inet", "umbra_kill", chain)
        senders = Senders(behind, INTERNET.values())
        more = home.send_everything()
        time.sleep(0.3)
        senders.close()
        more.close()
        watch.assert_none(f"with a rule before all of ours, without {missing}")
    home.unblock()
    wait_until(lambda: reachable(behind, INTERNET[4]) or watch.leaked > 0, 5, "a way around it")


def test_led_elsewhere(lab: Lab) -> None:
    """What others' rules turn away from the tunnel after it was chosen does not leave either."""
    home = Home(lab)
    home.pair.server.start()
    # A firewall that knows connections, and lets those pass that it knows.
    home.space.nft(
        """table inet known {
        chain in { type filter hook input priority 0; ct state established accept; }
        chain out { type filter hook output priority 0; ct state established accept; }
    }"""
    )
    ear = home.internet.socket(socket.AF_INET, socket.SOCK_STREAM)
    ear.bind((INTERNET[4], 8080))
    ear.listen()
    flow = home.space.socket(socket.AF_INET, socket.SOCK_STREAM)
    flow.connect((INTERNET[4], 8080))
    home.client.start()
    for family in ("-4", "-6"):
        home.space.run("ip", family, "rule", "add", "pref", "1", "fwmark", "7", "lookup", "main")
    commands = (
        "add table inet other",
        "add chain inet other led { type route hook output priority mangle; }",
        "add rule inet other led meta l4proto { tcp, udp } meta mark 0 meta mark set 7",
        "add chain inet other turn { type nat hook output priority -100; }",
        f"add rule inet other turn ip daddr 127.0.0.9 dnat ip to {INTERNET[4]}",
    )
    for command in commands:
        home.space.run("nft", command)
    watch, senders = home.watch(), home.send_everything()
    more = Senders(home.space, ["127.0.0.9"])
    # Of a connection that was there before, too.
    flow.sendall(b"after")
    time.sleep(0.3)
    senders.close()
    more.close()
    assert sum(senders.sent.values()) > 20
    watch.assert_none("with marks of others")


def test_lan(lab: Lab) -> None:
    """The LAN is reached by choice, but not what the tunnel has itself; a reload changes it."""
    home = Home(lab)
    printer = lab.namespace("printer")
    near, _ = lab.link(
        *(home.space, printer),
        *(["192.168.77.1/24", "fd77::1/64"], ["192.168.77.2/24", "fd77::2/64"]),
    )
    home.pair.start()
    lan = {4: "192.168.77.2", 6: "fd77::2"}
    assert not any(reachable(home.space, a) for a in lan.values())
    home.settings["allow_lan"] = True
    home.client.reload()
    for address in lan.values():
        assert_pings(home.space, address)
    # A private network of the tunnel's own, which somebody on the LAN claims.
    stolen = inner_address(77, 4)
    printer.ip(f"address add {stolen}/32 dev lo")
    home.space.ip(f"route add {stolen}/32 via {lan[4]}", f"route add 1.1.1.1/32 via {lan[4]}")
    printer.ip("address add 1.1.1.1/32 dev lo")
    for address in (stolen, "1.1.1.1"):
        assert not reachable(home.space, address)
        result = home.space.run("ping", "-c1", "-W0.5", "-I", near, address, check=False)
        assert result.returncode != 0, result.stdout
    assert_pings(home.space, INTERNET[4])
    # Nor does the LAN take what the tunnel leads to.
    home.space.ip(f"route add {inner_address(1, 4)}/32 via {lan[4]}")
    assert_pings(home.space, inner_address(1, 4))
    home.settings["allow_lan"] = False
    home.client.reload()
    assert not any(reachable(home.space, a) for a in lan.values())


def test_released_by_down(lab: Lab) -> None:
    """`umbra down` takes all of it away; up brings it back; the key is heeded live."""
    home = Home(lab)
    home.pair.server.start()
    before = home.client.traces()
    home.client.start()
    assert home.client.tunnel_status(home.tunnel)["kill_switch"] == "on"
    assert "umbra_kill" in tables(home.space)
    home.client.umbra("down", home.tunnel)
    assert home.client.traces() == before
    home.assert_outside()
    assert home.client.tunnel_status(home.tunnel)["kill_switch"] == "off"
    # It was taken down: the next start blocks nothing.
    home.client.stop()
    home.client.start()
    assert home.client.traces() == before
    home.assert_outside()
    home.client.umbra("up", home.tunnel)
    watch = home.watch()
    for family in (4, 6):
        assert_pings(home.space, INTERNET[family])
    watch.assert_none("up again")
    home.settings["kill_switch"] = False
    home.client.reload()
    assert "umbra_kill" not in tables(home.space)
    assert_pings(home.space, INTERNET[4])
    # More specific routes win again.
    home.space.ip(f"route add {INTERNET[4]}/32 via {outer_address(1, 4)}")
    assert_pings(home.space, INTERNET[4])
    wait_until(lambda: watch.leaked > 0, 10, "packets past the tunnel")
    home.settings["kill_switch"] = True
    home.client.reload()
    watch.forget()
    assert_pings(home.space, INTERNET[4])
    watch.assert_none("switched on live")
    # Without the tunnel nothing of it is left.
    del home.client.tunnels[home.tunnel]
    home.client.reload()
    assert "umbra_kill" not in tables(home.space)
    assert home.client.traces()["rules"] == before["rules"]


def test_stays(lab: Lab) -> None:
    """It outlives the daemon, however that ends; --unblock and --block do without one."""
    home = Home(lab)
    home.pair.server.start()
    before = home.client.traces()
    home.client.start()
    watch, senders = home.watch(), home.send_everything()
    home.client.kill()
    wait_until(lambda: home.tunnel not in home.space.links(), 5, "the interface goes")
    assert not home.outside()
    refused = home.client.umbra("down", home.tunnel, check=False)
    assert refused.returncode == 3 and "umbrad --unblock" in refused.stderr
    home.client.start()
    assert_pings(home.space, INTERNET[4])
    assert home.client.stop() == 0
    assert "umbrad --unblock releases it" in home.client.log_text()
    assert not home.outside()
    # The interface is deleted: the tunnel fails, and is said to be blocked.
    home.client.start()
    home.space.ip(f"link delete {home.tunnel}")
    wait_until(
        lambda: home.client.tunnel_status(home.tunnel)["kill_switch"] == "blocking", 5, "blocking"
    )
    assert "blocked" in home.client.umbra("status").stdout
    assert not home.outside()
    assert home.client.stop() == 0
    senders.close()
    watch.assert_none("without a daemon")
    assert "removed the kill switch" in home.unblock()
    assert "no kill switch" in home.unblock()
    assert home.client.traces() == before
    home.assert_outside()
    # Before the network, from the configuration alone: no key is read.
    os.rename(home.client.folder / f"{home.tunnel}.key", home.client.folder / "away")
    home.block()
    # Until now nothing was blocked, and the host answered the server, whose peer is gone.
    watch.forget()
    assert not home.outside()
    watch.assert_none("from the start on")
    home.unblock()


def test_taken_away_by_hand(lab: Lab) -> None:
    """What doc/security.md says for a host that is blocked after the program was uninstalled."""
    home = Home(lab)
    home.pair.server.start()
    before = home.client.traces()
    home.client.start()
    home.client.kill()
    wait_until(lambda: home.tunnel not in home.space.links(), 5, "the interface goes")
    assert not home.outside()
    page = (pathlib.Path(__file__).parents[2] / "doc/security.md").read_text()
    (commands,) = (part for part in page.split("```") if "delete table inet umbra_kill" in part)
    home.space.run("sh", "-ec", commands.removeprefix("sh\n"))
    home.assert_outside()
    assert home.client.traces()["rules"] == before["rules"]
    assert not any("umbra_kill" in name for name in tables(home.space))


def test_broken_configuration(lab: Lab) -> None:
    """At boot a typo opens nothing: what is remembered is put up, whatever it was."""
    home = Home(lab)
    home.pair.start()
    watch = home.watch()
    assert home.client.stop() == 0
    memory = home.client.state / "kill_switch"
    kept = memory.read_bytes()
    home.unblock()
    home.client.configuration.write_text("tunnels: [\n")
    # The state folder's usual place, and no other is known now.
    place = "mount -t tmpfs none /var/lib && mkdir -m 700 /var/lib/umbra"
    bind = f"mount --bind {home.client.state} /var/lib/umbra"
    umbrad = f"exec {BIN / 'umbrad'} -c {home.client.configuration}"

    def block(option: str) -> subprocess.CompletedProcess[str]:
        script = f"{place} && {bind} && {umbrad} {option}"
        return run(home.space.command(["unshare", "-m", "sh", "-c", script]), check=False)

    opened = block("--block")
    assert opened.returncode == 2 and "nothing is blocked" in opened.stderr, opened.stderr
    home.assert_outside()
    assert "umbra_kill" not in tables(home.space)
    memory.write_bytes(kept)
    blocked = block("--block")
    assert blocked.returncode == 2, blocked.stderr
    assert str(home.client.configuration) in blocked.stderr
    assert "the kill switch of before is up" in blocked.stderr, blocked.stderr
    watch.forget()
    senders = home.send_everything()
    assert not home.outside()
    home.space.nft("flush ruleset")
    assert not home.outside()
    watch.assert_none("with a configuration that cannot be read")
    assert block("--block").returncode == 2
    # The file is mended.
    home.client.start()
    assert_pings(home.space, INTERNET[4])
    senders.close()
    watch.assert_none("mended")
    assert home.client.stop() == 0
    home.client.configuration.write_text("tunnels: [\n")
    assert "removed the kill switch" in block("--unblock").stdout
    home.assert_outside()


def test_forgotten(lab: Lab) -> None:
    """What could not be written down, as on a full disk, is known by what stands."""
    home = Home(lab)
    home.settings["autostart"] = False
    home.pair.start()
    memory = home.client.state / "kill_switch"
    kept = memory.read_bytes()
    home.client.umbra("up", home.tunnel)
    home.client.kill()
    memory.write_bytes(kept)
    watch, senders = home.watch(), home.send_everything()
    home.client.start()
    assert home.client.tunnel_status(home.tunnel)["kill_switch"] == "blocking"
    assert not home.outside()
    senders.close()
    watch.assert_none("with a memory of before")
    home.client.umbra("down", home.tunnel)
    home.assert_outside()


def test_named_endpoint(lab: Lab) -> None:
    """The endpoint's name is resolved while all is blocked; its last address serves without."""
    home = Home(lab, server_endpoint=f"{NAME}:{PORT}")
    names = NameServer(lab, home.router, outer_address(1, 4))
    names.serve(outer_address(1, 4))
    resolv_conf(lab, outer_address(1, 4))
    watch = home.watch(resolvers=[outer_address(1, 4)])
    home.pair.start()
    wait_until(lambda: reachable(home.space, inner_address(1, 4)), 15, "the first resolution")
    assert watch.seen["resolver"] > 0
    watch.assert_none("while a name was asked for")
    home.client.stop()
    assert names.process
    names.process.stop()
    home.client.start()
    wait_until(lambda: reachable(home.space, inner_address(1, 4)), 15, "the last known address")
    # Nobody else is asked, and nobody but umbrad asks.
    strict = home.watch()
    senders = Senders(home.space, [], [], [outer_address(1, 4)])
    time.sleep(0.2)
    senders.close()
    strict.forget()
    watch.assert_none("while nobody answers")


class Roaming(Home):
    """The endpoint is a name; the network may hand out another name server at any time."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, server_endpoint=f"{NAME}:{PORT}")
        self.settings["peers"][0]["persistent_keepalive"] = 1  # type: ignore[index]
        self.answering = outer_address(8, 4)
        self.router.ip(f"address add {self.answering}/24 dev {self.far_link}")
        self.names = NameServer(lab, self.router, self.answering)

    def arrive(self) -> None:
        """A DHCP client writes the file, without any change of addresses or routes."""
        (self.lab.folder / "resolv.conf").write_text(
            f"nameserver {self.answering}\noptions timeout:1 attempts:1\n"
        )


def test_other_name_servers(lab: Lab) -> None:
    """A network's name servers are known only once all is blocked: asked, and nobody else."""
    home = Roaming(lab)
    home.names.serve(outer_address(1, 4))
    resolv_conf(lab, outer_address(66, 4))
    watch = home.watch(resolvers=[outer_address(66, 4), home.answering])
    home.pair.start()
    shown = home.client.peers(home.tunnel)["server"]
    assert shown["state"] == "resolving", shown
    home.arrive()
    wait_until(lambda: reachable(home.space, inner_address(1, 4)), 15, "pings by the new server")
    watch.assert_none("while another name server was asked")


class Resolved(Node):
    """A host with systemd-resolved: its resolv.conf never changes, and the servers are elsewhere."""

    @property
    def uplinks(self) -> pathlib.Path:
        return self.folder / "uplinks"

    def command(self, *options: str) -> list[str]:
        script = (
            "mount -t tmpfs none /run && mkdir -p /run/systemd/resolve && "
            f'mount --bind {self.uplinks} /run/systemd/resolve && exec "$@"'
        )
        inside = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
        return [*inside, *super().command(*options)]


def test_servers_of_resolved(lab: Lab) -> None:
    """Those behind systemd-resolved are the ones to ask, and others of theirs are found in time."""
    home = Roaming(lab)
    home.client.__class__ = Resolved
    uplinks = home.client.uplinks
    uplinks.mkdir()
    home.names.serve(outer_address(1, 4))
    resolv_conf(lab, "127.0.0.53")
    servers = uplinks / "resolv.conf"
    servers.write_text(f"nameserver {outer_address(66, 4)}\n")
    watch = home.watch(resolvers=[outer_address(66, 4), home.answering])
    home.pair.start()
    assert home.client.peers(home.tunnel)["server"]["state"] == "resolving"
    servers.write_text(f"nameserver {home.answering}\n")
    wait_until(lambda: reachable(home.space, inner_address(1, 4)), 15, "pings by the new server")
    watch.assert_none("while another name server was asked")


@pytest.mark.long
def test_other_network(lab: Lab) -> None:
    """The server has moved, and only a name server of the new network tells."""
    home, old, new = Roaming(lab), outer_address(7, 4), outer_address(9, 4)
    home.router.ip(f"address add {old}/24 dev {home.far_link}")
    before = NameServer(lab, home.router, outer_address(1, 4))
    before.serve(old)
    resolv_conf(lab, outer_address(1, 4))
    home.pair.start()
    wait_until(lambda: reachable(home.space, inner_address(1, 4)), 15, "pings at the old address")
    assert before.process
    before.process.stop()
    # The server must not find the client by itself.
    home.pair.server.stop()
    home.router.ip(
        f"address del {old}/24 dev {home.far_link}",
        f"address add {new}/24 dev {home.far_link}",
    )
    home.names.serve(new)
    home.pair.server.start()
    home.arrive()
    wait_until(lambda: reachable(home.space, inner_address(1, 4)), 60, "pings at the new address")
    shown = home.client.peers(home.tunnel)["server"]
    assert shown["endpoint"] == f"{new}:{PORT}", shown


def test_flushed(lab: Lab) -> None:
    """`nft flush ruleset`, single rules and routes: what others take away comes back."""
    home = Home(lab)
    home.pair.start()
    watch, senders = home.watch(), home.send_everything()
    all_tables = tables(home.space)
    assert {"umbra", "umbra_kill"} <= set(all_tables)
    rules = home.client.traces()["rules"]
    for damage in (
        ["nft", "flush", "ruleset"],
        ["nft", "flush", "chain", "inet", "umbra_kill", "output"],
        ["nft", "insert", "rule", "inet", "umbra_kill", "output", "accept"],
        ["nft", "delete", "table", "inet", "umbra_kill"],
    ):
        marks = home.client.log_text().count("they are back")
        home.space.run(*damage)
        wait_until(
            lambda: home.client.log_text().count("they are back") > marks, 5, f"back after {damage}"
        )
        wait_until(lambda: tables(home.space) == all_tables, 5, "all tables")
        home.send_by_device()
    listed = home.space.run("nft", "list", "chain", "inet", "umbra_kill", "output").stdout
    assert "drop" in listed and listed.count("accept") > 5
    # As systemd-networkd does with what is not its own.
    home.space.run("ip", "rule", "flush", "protocol", "118", check=False)
    home.space.run("ip", "-6", "rule", "del", "pref", "32698", check=False)
    wait_until(lambda: home.client.traces()["rules"] == rules, 5, "the rules")
    senders.close()
    watch.assert_none("while others meddled")
    assert home.client.tunnel_status(home.tunnel)["kill_switch_restored"] >= 4


def dhcp(kind: int, identity: int, server: str | None = None, address: str = "0.0.0.0") -> bytes:
    """A DISCOVER (1), or a REQUEST (3) that renews an address (RFC 2131 4.3.2)."""
    mac = bytes((2, 0, 0, 0, 0, identity))
    flags = 0 if server else 0x8000
    head = struct.pack("!BBBBIHH", 1, 1, 6, 0, 0x1000 + identity, 0, flags)
    head += socket.inet_aton(address) + bytes(12) + mac + bytes(10 + 64 + 128)
    return head + b"\x63\x82\x53\x63" + bytes((53, 1, kind, 255)) + bytes(60)


def test_dhcp(lab: Lab) -> None:
    """A lease is had and renewed while all is blocked, and neighbours are found."""
    home = Home(lab)
    home.router.spawn(
        *("/usr/sbin/dnsmasq", "--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root"),
        *(f"--interface={home.far_link}", "--dhcp-range=198.18.0.100,198.18.0.110,1h"),
        *("--dhcp-authoritative", "--pid-file=", "--leasefile-ro", "--no-ping", "--bind-dynamic"),
    )
    # Nobody answers: it blocks.
    home.client.start()
    watch = home.watch()

    def ask(target: str, packet: bytes) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if target == "255.255.255.255":
                made.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, home.link.encode())
            made.bind(("", 68))
            made.settimeout(1)
            for _ in range(int(8 * SLOW)):
                made.sendto(packet, (target, 67))
                try:
                    return made.recv(1500)
                except TimeoutError:
                    continue
        raise AssertionError(f"no answer of {target}")

    offer = home.space.call(lambda: ask("255.255.255.255", dhcp(1, 1)))
    offered = socket.inet_ntoa(offer[16:20])
    assert offered.startswith("198.18.0.1"), offered
    # By a route of the main table, unlike all else.
    home.space.ip("neigh flush all")
    renewed = home.space.call(
        lambda: ask(outer_address(1, 4), dhcp(3, 2, outer_address(1, 4), outer_address(2, 4)))
    )
    assert renewed[:1] == b"\x02"
    watch.assert_none("leases")
    assert watch.seen["dhcp"] >= 2 and watch.seen["arp"] > 0
    before = watch.seen["dhcp"]

    def ask_v6() -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as made:
            made.bind(("::", 546))
            number = socket.if_nametoindex(home.link)
            # SOLICIT to all servers, RENEW to one that said so; and what a router keeps lists of.
            made.sendto(b"\1\0\0\1", ("ff02::1:2", 547, 0, number))
            made.sendto(b"\5\0\0\2", (outer_address(1, 6), 547))
            group = socket.inet_pton(socket.AF_INET6, "ff05::4321") + struct.pack("I", number)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
            wait_until(lambda: watch.seen["listeners"] > 0, 5, "a report of a group")

    home.space.call(ask_v6)
    wait_until(lambda: watch.seen["dhcp"] >= before + 2, 5, "DHCPv6")
    watch.assert_none("of version 6")


ROUNDS = 8


@pytest.mark.long
def test_not_one_packet(lab: Lab) -> None:
    """Killed, restarted, reloaded, stopped, flushed at random: the capture shows no leaked packet."""
    seed = int(os.environ.get("UMBRA_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    print(f"UMBRA_SEED={seed}")
    choice = random.Random(seed)
    home = Home(lab)
    home.pair.server.start()
    home.client.start()
    assert_pings(home.space, INTERNET[4])
    # Routes past the tunnel, as a hostile network would give them.
    home.space.ip(
        f"route add {INTERNET[4]}/32 via {outer_address(1, 4)}",
        f"route add {INTERNET[6]}/128 via {outer_address(1, 6)}",
    )
    watch, senders = home.watch(), home.send_everything()

    def kill() -> None:
        home.client.kill()
        time.sleep(choice.random() * 0.3)
        home.client.launch()

    def stop() -> None:
        assert home.client.process
        home.client.process.popen.send_signal(signal.SIGTERM)
        home.client.process.popen.wait(20)
        time.sleep(choice.random() * 0.3)
        home.client.launch()

    def reload() -> None:
        home.settings["mtu"] = choice.randrange(1300, 1400)
        home.client.write()
        assert home.client.process
        home.client.process.popen.send_signal(signal.SIGHUP)

    def flush() -> None:
        home.space.run("nft", "flush", "ruleset")

    def part() -> None:
        try:
            os.kill(home.client.part(choice.choice(("net", "control"))), signal.SIGKILL)
        except (AssertionError, ProcessLookupError):
            pass

    steps = [kill, stop, reload, flush, part]
    done = []
    for _ in range(ROUNDS):
        for step in choice.sample(steps, len(steps)):
            step()
            done.append(step.__name__)
            time.sleep(choice.random() * 0.25)
    wait_until(lambda: reachable(home.space, inner_address(1, 4)), 20, "the tunnel at last")
    senders.close()
    print(f"{len(done)} steps, seen {dict(watch.seen)}, sent {dict(senders.sent)}")
    watch.assert_none(f"UMBRA_SEED={seed}, steps {done}")
    assert watch.seen["tunnel"] > 100 and sum(senders.sent.values()) > 1000
