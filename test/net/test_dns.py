"""Name servers that come with a tunnel, and that no question leaves beside it."""

from __future__ import annotations

import os
import pathlib
import signal
import time
from typing import Any

import pytest

from harness.device import BIN
from harness.lab import Lab
from harness.resolving import Bus, Leaks, NamedNode, question, serve_names
from harness.node import Node, peer
from harness.nodes import hosts, networks, outer
from harness.pair import PORT, endpoint, inner_address, outer_address
from harness.process import SLOW, STALL, wait_until
from harness.traffic import Pinging, assert_pings, reachable

DRIVER = BIN.parent / "drivers" / "resolved_driver"
RESOLVER_MARK = 0x756DFE00
SERVER = inner_address(1, 4)
NAMES = {"www.umbra.test": "192.0.2.80", "other.test": "192.0.2.81"}
PLAIN = b"# the machine's own\nnameserver 192.0.2.1\noptions timeout:1 attempts:1\n\xff\n"

pytestmark = [pytest.mark.umbra, pytest.mark.calm]


class Ends:
    """A client with an /etc of its own, and a server that has a name server inside the tunnel."""

    def __init__(self, lab: Lab, everything: bool = False, **dns: Any) -> None:
        spaces = lab.namespace("client"), lab.namespace("server")
        self.link, self.far_link = lab.link(*spaces, outer(2), outer(1))
        self.near, self.far = NamedNode(lab, spaces[0], "client"), Node(lab, spaces[1], "server")
        self.name = self.near.tunnel(networks(2), dns=dns)
        far = self.far.tunnel(networks(1), listen=f"[::]:{PORT}")
        allowed = ["0.0.0.0/0", "::/0"] if everything else hosts(1)
        where = endpoint(outer_address(1, 4))
        self.near.tunnels[self.name]["peers"] = [peer("server", self.near_key(far), allowed, where)]
        self.far.tunnels[far]["peers"] = [peer("client", self.near.keys[self.name], hosts(2))]
        self.far.start()
        self.near.file.write_bytes(PLAIN)

    def near_key(self, far: str) -> Any:
        return self.far.keys[far]

    @property
    def text(self) -> str:
        return self.near.file.read_text(errors="replace")

    def is_ours(self) -> bool:
        return f"\nnameserver {SERVER}\n" in self.text


def test_names_come_through_the_tunnel(lab: Lab) -> None:
    """The tunnel's server answers while it is up; afterwards the file is what it was."""
    ends = Ends(lab, servers=[SERVER], search=["umbra.test"], manager="file")
    near = ends.near
    os.chown(near.file, 4321, 4321)
    near.file.chmod(0o644)
    serve_names(lab, ends.far.namespace, SERVER, NAMES)
    near.start()
    assert ends.is_ours() and "options timeout:1 attempts:1" in ends.text
    assert near.ask("www.umbra.test") == "192.0.2.80"
    assert near.ask("www") == "192.0.2.80"
    near.umbra("down", ends.name)
    assert near.file.read_bytes() == PLAIN
    near.umbra("up", ends.name)
    assert ends.is_ours()
    assert near.stop() == 0
    assert near.file.read_bytes() == PLAIN
    status = near.file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (4321, 4321, 0o644)


def test_after_a_crash(lab: Lab) -> None:
    """Killed: the next start puts a plain file or a link back, even without the tunnel."""
    ends = Ends(lab, servers=[SERVER])
    near = ends.near
    near.start()
    near.kill()
    assert ends.is_ours()
    near.start()
    assert ends.is_ours()
    near.kill()
    near.tunnels, kept = {}, near.tunnels
    near.start()
    assert near.file.read_bytes() == PLAIN
    near.stop()
    near.file.rename(near.etc / "own")
    near.file.symlink_to("own")
    near.tunnels = kept
    near.start()
    assert ends.is_ours() and not near.file.is_symlink()
    near.kill()
    near.tunnels = {}
    near.start()
    assert os.readlink(near.file) == "own" and near.file.read_bytes() == PLAIN
    assert sorted(p.name for p in near.etc.glob("*resolv*")) == ["resolv.conf"]
    assert not list(near.state.glob("resolv*"))


def test_others_write_the_file(lab: Lab) -> None:
    """A DHCP client writes the file: ours comes back, and what it wrote afterwards."""
    ends = Ends(lab, servers=[SERVER], manager="file")
    near = ends.near
    near.start()
    newer = b"nameserver 198.51.100.7\n"
    near.file.write_bytes(b"nameserver 198.51.100.6\n")
    wait_until(ends.is_ours, 5, "the tunnel's servers, written in place")
    (near.etc / "new").write_bytes(newer)
    (near.etc / "new").rename(near.file)
    wait_until(ends.is_ours, 5, "the tunnel's servers, after a rename")
    near.umbra("down", ends.name)
    assert near.file.read_bytes() == newer


def test_reload(lab: Lab) -> None:
    """Servers change, go and come while packets pass."""
    ends = Ends(lab, servers=[SERVER], manager="file")
    near = ends.near
    near.start()
    assert_pings(near.namespace, SERVER)
    pings = Pinging(near.namespace, SERVER)
    near.tunnels[ends.name]["dns"] = {"servers": ["fd99::7"], "search": ["a.test"]}
    near.reload()
    assert "\nnameserver fd99::7\nsearch a.test\n" in ends.text
    near.tunnels[ends.name]["dns"] = {}
    near.reload()
    assert near.file.read_bytes() == PLAIN
    near.tunnels[ends.name]["dns"] = {"servers": [SERVER]}
    near.reload()
    assert ends.is_ours()
    assert pings.missing() == []
    near.tunnels = {}
    near.reload()
    assert near.file.read_bytes() == PLAIN


def test_split_domains_need_more_than_a_file(lab: Lab) -> None:
    """It is said clearly, the tunnel does not come up, and the file is left alone."""
    ends = Ends(lab, servers=[SERVER], domains=["umbra.test"], manager="file")
    near = ends.near
    near.tunnels[ends.name]["autostart"] = False
    near.settings["dns_step"] = 0
    near.start()
    said = near.umbra("up", ends.name, check=False)
    assert said.returncode != 0
    assert "dns.domains need systemd-resolved" in said.stderr + said.stdout
    assert near.file.read_bytes() == PLAIN
    assert ends.name not in near.namespace.links()


def test_endpoint_by_name(lab: Lab) -> None:
    """The host's own servers are asked for the endpoint, also by a control process of later."""
    ends = Ends(lab, everything=True, servers=[SERVER], manager="file")
    near, first, second = ends.near, outer_address(1, 4), outer_address(9, 4)
    ends.far.namespace.ip(f"address add {second}/24 dev {ends.far_link}")
    names = {"first.umbra.test": first, "second.umbra.test": second}
    serve_names(lab, ends.far.namespace, first, names)
    near.file.write_text(f"nameserver {first}\noptions timeout:1 attempts:1\n")
    (server,) = near.tunnels[ends.name]["peers"]
    server["endpoint"] = f"first.umbra.test:{PORT}"
    near.start()
    wait_until(lambda: reachable(near.namespace, SERVER), 10, "pings by name")
    assert ends.is_ours()
    before = near.part("control")
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: near.umbra("status", check=False).returncode == 0, 10, "the next control process"
    )
    assert near.part("control") != before
    server["endpoint"] = f"second.umbra.test:{PORT}"
    near.reload()
    wait_until(
        lambda: near.peers(ends.name)["server"].get("endpoint") == endpoint(second),
        10,
        "the second name's address",
    )


def everywhere(ends: Ends) -> dict[tuple[str, int, str], str]:
    """Asks all that could leave by the outer link; how each was refused."""
    space, link = ends.near.namespace, ends.link
    refused = {}
    for kind in ("udp", "tcp"):
        for port in (53, 853):
            # A resolver of the local network; one that a program insists on; the tunnel's own, by
            # a route that is more specific than the tunnel's.
            for where in (outer_address(1, 4), outer_address(1, 6), SERVER):
                refused[kind, port, where] = question(space, kind, where, port)
            for where in ("8.8.8.8", "2001:4860:4860::8888"):
                refused[kind, port, where] = question(space, kind, where, port, link)
    return refused


@pytest.fixture
def leaking(lab: Lab) -> Ends:
    """A client that sends everything into the tunnel, but for what has routes of its own."""
    ends = Ends(lab, everything=True, servers=[SERVER], manager="file")
    # Which would block all of it, and leave nothing to show.
    ends.near.tunnels[ends.name]["kill_switch"] = False
    ends.near.start()
    ends.near.namespace.ip(f"route add 8.8.8.8/32 via {outer_address(1, 4)} dev {ends.link}")
    ends.near.namespace.ip(f"route add {SERVER}/32 via {outer_address(1, 4)} dev {ends.link}")
    ends.near.namespace.ip(
        f"route add 2001:4860:4860::8888/128 via {outer_address(1, 6)} dev {ends.link}"
    )
    return ends


def test_no_question_leaves_beside_the_tunnel(lab: Lab, leaking: Ends) -> None:
    """By capture at the outer link: nothing to 53 and 853, and at once refused; without it all."""
    near = leaking.near
    leaks = Leaks(near.namespace, leaking.link)
    begun = time.monotonic()
    refused = everywhere(leaking)
    assert leaks.seen() == set()
    passed = [asked for asked, why in refused.items() if not why]
    assert not passed, passed
    assert time.monotonic() - begun < 2 * SLOW + STALL, "a refusal is not waited for"
    # What asks for the names of endpoints goes outside, and other ports are nobody's business.
    question(near.namespace, "udp", outer_address(1, 4), 53, mark=RESOLVER_MARK)
    assert leaks.seen() == {("udp", 53, outer_address(1, 4))}
    near.tunnels[leaking.name]["dns"]["leak_protection"] = False
    near.reload()
    everywhere(leaking)
    assert len(leaks.seen()) == 20
    assert "umbra_dns" not in near.traces()["tables"]


def test_through_the_tunnel_it_goes(lab: Lab, leaking: Ends) -> None:
    """The guard lets the tunnel's own server be asked; deleted by others it is back at once."""
    near = leaking.near
    near.namespace.ip(f"route del {SERVER}/32")
    serve_names(lab, leaking.far.namespace, SERVER, NAMES)
    leaks = Leaks(near.namespace, leaking.link)
    assert near.ask("other.test") == "192.0.2.81"
    assert leaks.seen() == set()
    # Not through another tunnel, whose peers could answer in its place.
    other = near.tunnel(["10.77.0.2/24"])
    near.reload()
    wait_until(lambda: near.tunnel_status(other)["state"] == "up", 5, "another tunnel")
    near.namespace.ip(f"route add {SERVER}/32 dev {other}")
    assert all(question(near.namespace, kind, SERVER, 53) for kind in ("udp", "tcp"))
    near.namespace.ip(f"route del {SERVER}/32 dev {other}")
    near.namespace.nft("delete table inet umbra_dns")
    wait_until(lambda: "umbra_dns" in near.traces()["tables"], 5, "the guard, made again")
    near.kill()
    assert "umbra_dns" in near.traces()["tables"]
    near.tunnels = {}
    near.start()
    assert "umbra_dns" not in near.traces()["tables"]
    assert near.file.read_bytes() == PLAIN


def test_no_forwarded_question_leaves(lab: Lab, leaking: Ends) -> None:
    """A machine or container behind this host asks through the tunnel or not at all."""
    near, behind = leaking.near, lab.namespace("behind")
    lab.link(behind, near.namespace, ["198.19.0.2/24"], ["198.19.0.1/24"])
    behind.ip("route add default via 198.19.0.1")
    near.namespace.sysctl("net.ipv4.ip_forward", 1)
    leaks = Leaks(near.namespace, leaking.link)
    for port in (53, 853):
        question(behind, "udp", outer_address(1, 4), port)
        question(behind, "tcp", outer_address(1, 4), port)
    assert leaks.seen() == set()
    near.umbra("down", leaking.name)
    question(behind, "udp", outer_address(1, 4), 53)
    assert leaks.seen() == {("udp", 53, outer_address(1, 4))}


# systemd-resolved

resolved = pytest.mark.skipif(not DRIVER.exists(), reason=f"there is no {DRIVER}: build `drivers`")


def with_bus(lab: Lab, ends: Ends, *options: str) -> Bus:
    bus = Bus(lab, ends.near.namespace, pathlib.Path(DRIVER), *options)
    ends.near.bus = bus.address
    ends.near.file.write_text("nameserver 127.0.0.53\n")
    return bus


def index_of(ends: Ends) -> int:
    return ends.near.namespace.links()[ends.name]["ifindex"]


@resolved
def test_resolved_is_told(lab: Lab) -> None:
    """The exact calls for all names, for some of them, and at the end; the file stays."""
    ends = Ends(lab, servers=[SERVER, inner_address(1, 6)], search=["umbra.test"])
    bus = with_bus(lab, ends)
    ends.near.start()
    number = index_of(ends)
    first = [
        f"SetLinkDNSEx {number} {SERVER}:0: {inner_address(1, 6)}:0:",
        f"SetLinkDomains {number} umbra.test ~.",
        f"SetLinkDefaultRoute {number} yes",
    ]
    assert bus.calls() == first
    assert ends.text == "nameserver 127.0.0.53\n"
    domains = {"servers": [SERVER], "domains": ["corp.test", "umbra.test"], "search": ["corp.test"]}
    ends.near.tunnels[ends.name]["dns"] = domains
    ends.near.reload()
    second = [
        f"SetLinkDNSEx {number} {SERVER}:0:",
        f"SetLinkDomains {number} corp.test ~umbra.test",
        f"SetLinkDefaultRoute {number} no",
    ]
    assert bus.calls() == first + second
    ends.near.umbra("down", ends.name)
    assert bus.calls() == [*first, *second, f"RevertLink {number}"]
    assert ends.text == "nameserver 127.0.0.53\n"


@resolved
def test_resolved_of_before(lab: Lab) -> None:
    """Where SetLinkDNSEx is not known, SetLinkDNS does."""
    ends = Ends(lab, servers=[SERVER], manager="resolved")
    bus = with_bus(lab, ends, "old")
    ends.near.start()
    assert bus.calls()[0] == f"SetLinkDNS {index_of(ends)} {SERVER}"


@resolved
def test_resolved_that_does_not_answer(lab: Lab) -> None:
    """Two seconds, and the reason is told; one that nobody is led to is left alone."""
    ends = Ends(lab, servers=[SERVER])
    ends.near.tunnels[ends.name]["autostart"] = False
    bus = with_bus(lab, ends)
    ends.near.start()
    bus.resolved.popen.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    said = ends.near.umbra("up", ends.name, check=False)
    assert said.returncode != 0 and "systemd-resolved: SetLinkDNSEx" in said.stderr
    assert time.monotonic() - begun < 5 * SLOW
    bus.resolved.popen.send_signal(signal.SIGCONT)
    ends.near.file.write_bytes(PLAIN)
    ends.near.umbra("up", ends.name)
    assert ends.is_ours()
    # At most what was asked while nobody answered.
    assert len([call for call in bus.calls() if "SetLinkDNS" in call]) <= 1


@resolved
def test_resolved_of_another_network(lab: Lab) -> None:
    """Its interface numbers are others: not told, and the file it is."""
    ends = Ends(lab, servers=[SERVER])
    bus = Bus(lab, ends.far.namespace, pathlib.Path(DRIVER))
    ends.near.bus = bus.address
    ends.near.file.write_text("nameserver 127.0.0.53\n")
    ends.near.start()
    assert ends.is_ours() and bus.calls() == []
