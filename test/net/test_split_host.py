"""host/split.h and host/split_rules.h alone, by drivers/split_driver.c, against the real kernel.

A host has a link to the outside and one that stands for a tunnel; both lead to a machine that has
the same strange addresses on either side and says who asks it.
"""

from __future__ import annotations

import json
import socket
import subprocess

import pytest

from harness.device import BIN, environment
from harness.lab import Lab, Namespace
from harness.process import SLOW, run
from harness.sources import answer_all, source

DRIVER = BIN.parent / "drivers" / "split_driver"
INSIDE, OUTSIDE = 0x756DFD00, 0x756DFF00
NAMED, OTHER, NAMED6 = "203.0.113.5", "203.0.113.6", "2001:db8:5::5"
HOME, TUNNEL = "192.0.2.2", "10.66.0.2"
HOME6, TUNNEL6 = "2001:db8:1::2", "fd66::2"

pytestmark = [
    pytest.mark.umbra,
    pytest.mark.calm,
    pytest.mark.skipif(not DRIVER.exists(), reason=f"there is no {DRIVER}: build `drivers`"),
]


class Driver:
    def __init__(self, lab: Lab, space: Namespace) -> None:
        self.popen = subprocess.Popen(
            space.command([str(DRIVER)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(lab.folder),
        )
        lab.defer(self.end)

    def ask(self, line: str) -> str:
        assert self.popen.stdin and self.popen.stdout
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()
        return self.popen.stdout.readline().strip()

    def do(self, *lines: str) -> float:
        for line in lines:
            answer = self.ask(line)
            assert answer.startswith("ok "), f"{line}: {answer}"
        return int(answer.split()[1]) / 1e6

    def end(self) -> int:
        if self.popen.stdin and not self.popen.stdin.closed:
            self.popen.stdin.close()
        status = self.popen.wait(10 * SLOW)
        if self.popen.stdout:
            self.popen.stdout.close()
        return status


@pytest.fixture
def world(lab: Lab) -> tuple[Namespace, Driver]:
    host, far = lab.namespace("host"), lab.namespace("far")
    host.ip(f"link add out type veth peer name out netns {far.name}")
    host.ip(f"link add um0 type veth peer name um0 netns {far.name}")
    host.ip(
        *(f"addr add {HOME}/24 dev out", f"addr add {HOME6}/64 dev out nodad"),
        *(f"addr add {TUNNEL}/24 dev um0", f"addr add {TUNNEL6}/64 dev um0 nodad"),
        *("link set out up", "link set um0 up"),
        *("route add default via 192.0.2.1", "route add default via 2001:db8:1::1"),
    )
    far.ip(
        *("addr add 192.0.2.1/24 dev out", "addr add 2001:db8:1::1/64 dev out nodad"),
        *("addr add 10.66.0.1/24 dev um0", "addr add fd66::1/64 dev um0 nodad"),
        *("link set out up", "link set um0 up"),
        *(f"addr add {NAMED}/32 dev lo", f"addr add {OTHER}/32 dev lo"),
        f"addr add {NAMED6}/128 dev lo nodad",
    )
    far.ip(f"route add 192.168.9.0/24 via {HOME}")
    for name in ("out", "um0"):
        host.sysctl(f"net.ipv4.conf.{name}.rp_filter", 1)
    host.sysctl("net.ipv4.conf.all.src_valid_mark", 1)
    # A tunnel has no neighbours to ask for; this link would have.
    link = far.links()["um0"]["address"]
    host.ip(*(f"neigh replace {to} lladdr {link} dev um0" for to in (NAMED, OTHER, NAMED6)))
    for address in (NAMED, OTHER, NAMED6):
        answer_all(far, address)
    return host, Driver(lab, host)


def elements(space: Namespace, name: str) -> dict[str, int]:
    """Addresses of a set, with the seconds that they have left."""
    text = space.run("nft", "-j", "list", "set", "inet", "umbra_split", name).stdout
    (listed,) = [item["set"] for item in json.loads(text)["nftables"] if "set" in item]
    return {e["elem"]["val"]: e["elem"]["expires"] for e in listed.get("elem", [])}


def tables(space: Namespace) -> list[str]:
    text = space.run("nft", "-j", "list", "tables").stdout
    return [t["table"]["name"] for t in json.loads(text)["nftables"] if "table" in t]


def ours(space: Namespace) -> list[str]:
    lines = [run(["ip", "-n", space.name, family, "rule"]).stdout for family in ("-4", "-6")]
    return [line for text in lines for line in text.splitlines() if "proto 119" in line]


INCLUDE = f"tunnel um0 0 address={TUNNEL}/32 address={TUNNEL6}/128 inside={INSIDE}"
EXCLUDE = f"tunnel um0 0 address={TUNNEL}/32 address={TUNNEL6}/128 exclude"


def test_include(world: tuple[Namespace, Driver]) -> None:
    host, driver = world
    driver.do(INCLUDE, "apply")
    assert source(host, NAMED) == HOME
    held = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    assert source(host, NAMED, held) == HOME
    driver.do(f"add 0 include 300 {NAMED} {NAMED6}")
    assert source(host, NAMED) == TUNNEL
    assert source(host, NAMED6) == TUNNEL6
    assert source(host, OTHER) == HOME
    # What began outside goes on there, and what began inside stays there without its address.
    assert source(host, NAMED, held) == HOME
    kept = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    assert source(host, NAMED, kept) == TUNNEL
    host.run("nft", "flush", "set", "inet", "umbra_split", "include4_0")
    assert source(host, NAMED, kept) == TUNNEL
    assert source(host, NAMED) == HOME
    # Without its interface nothing of it leaves elsewhere.
    driver.do(f"add 0 include 300 {NAMED}")
    host.ip("link del um0")
    assert source(host, NAMED) == ""
    assert source(host, NAMED6) == ""
    assert source(host, OTHER) == HOME


def test_exclude(world: tuple[Namespace, Driver]) -> None:
    host, driver = world
    for family in ("-4", "-6"):
        host.run("ip", family, "route", "add", "default", "dev", "um0", "table", "4711")
        host.run("ip", family, "rule", "add", "pref", "32702", "lookup", "4711")
    driver.do(EXCLUDE, f"apply {OUTSIDE}")
    assert source(host, NAMED) == TUNNEL
    driver.do(f"add 0 exclude 300 {NAMED} {NAMED6}")
    assert source(host, NAMED) == HOME
    assert source(host, NAMED6) == HOME6
    assert source(host, OTHER) == TUNNEL


def test_forwarded(lab: Lab, world: tuple[Namespace, Driver]) -> None:
    """What the host passes on for others goes the same ways, behind the tunnel's address there."""
    host, driver = world
    lan = lab.namespace("lan")
    lab.link(host, lan, ["192.168.9.1/24"], ["192.168.9.2/24"])
    lan.ip("route add default via 192.168.9.1")
    host.sysctl("net.ipv4.ip_forward", 1)
    driver.do(INCLUDE, "apply")
    assert source(lan, NAMED) == "192.168.9.2"
    driver.do(f"add 0 include 300 {NAMED}")
    assert source(lan, NAMED) == TUNNEL
    assert source(lan, OTHER) == "192.168.9.2"


def test_elements(world: tuple[Namespace, Driver]) -> None:
    host, driver = world
    driver.do(INCLUDE, "apply")
    driver.do(f"add 0 include 5 {NAMED}", f"add 0 include 999999 {OTHER} {NAMED6}")
    short = elements(host, "include4_0")
    assert 50 <= short[NAMED] <= 60
    assert 3500 <= short[OTHER] <= 3600
    # They outlive new rules, begin anew when they are seen again, and go with their tunnel.
    driver.do(INCLUDE + " exclude", f"apply {OUTSIDE}")
    assert set(elements(host, "include4_0")) == {NAMED, OTHER}
    assert set(elements(host, "include6_0")) == {NAMED6}
    driver.do(f"add 0 include 1800 {NAMED}")
    assert elements(host, "include4_0")[NAMED] > 1700
    assert driver.ask(f"add 1 include 60 {NAMED}").startswith("ERR_NOT_FOUND")
    driver.do(EXCLUDE, f"apply {OUTSIDE}")
    assert driver.ask(f"add 0 include 60 {NAMED}").startswith("ERR_NOT_FOUND")
    text = host.run("nft", "list", "table", "inet", "umbra_split").stdout
    assert "include" not in text and "exclude4_0" in text
    driver.do("apply")
    assert "umbra_split" not in tables(host)
    assert ours(host) == []


def test_full_set(world: tuple[Namespace, Driver]) -> None:
    host, driver = world
    driver.do(INCLUDE, "apply")
    slowest = 0.0
    for i in range(8192 // 64):
        some = " ".join(f"100.{64 + i // 4}.{i % 4 * 64 + j // 250}.{j % 250 + 1}"
                        for j in range(64))
        slowest = max(slowest, driver.do(f"add 0 include 600 {some}"))
    assert driver.ask(f"add 0 include 600 {NAMED}").startswith("ERR_")
    assert NAMED not in elements(host, "include4_0")
    # What is in it is refreshed all the same.
    driver.do("add 0 include 600 100.64.0.1")
    assert slowest < 0.5


def test_clean(lab: Lab, world: tuple[Namespace, Driver]) -> None:
    host, driver = world
    driver.do(INCLUDE + " exclude", f"apply {OUTSIDE}", f"add 0 include 300 {NAMED}")
    assert len(ours(host)) == 6
    driver.popen.kill()
    driver.popen.wait()
    assert "umbra_split" in tables(host)
    Driver(lab, host).do("clean", "clean")
    assert "umbra_split" not in tables(host)
    assert ours(host) == []
