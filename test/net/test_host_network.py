"""host/network.h and host/firewall.h alone, by drivers/host_driver.c, against the real kernel."""

from __future__ import annotations

import json
import pathlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from harness.device import BIN, environment
from harness.lab import Lab, Namespace
from harness.process import SLOW, STALL, run, wait_until
from harness.traffic import Pinging, assert_pings, reachable

DRIVER = BIN.parent / "drivers" / "host_driver"
PROTOCOL = "117"
VALID_MARK = "net.ipv4.conf.all.src_valid_mark"
FORWARD4 = "net.ipv4.ip_forward"
FORWARD6 = "net.ipv6.conf.all.forwarding"
PASS, MAIN, DEFAULT = 32700, 32701, 32702

pytestmark = [
    pytest.mark.umbra,
    pytest.mark.calm,
    pytest.mark.skipif(not DRIVER.exists(), reason=f"there is no {DRIVER}: build `drivers`"),
]


class Driver:
    """The driver in a namespace; each call is one command and its answer."""

    def __init__(self, lab: Lab, space: Namespace, prefix: Sequence[str] = ()) -> None:
        self.space = space
        self.state = lab.folder / f"state-{space.name}"
        self.state.mkdir(exist_ok=True)
        self.popen = subprocess.Popen(
            space.command([*prefix, str(DRIVER), str(self.state)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(lab.folder),
        )
        lab.defer(self.end)

    def ask(self, *words: str) -> str:
        assert self.popen.stdin and self.popen.stdout
        self.popen.stdin.write(" ".join(words) + "\n")
        self.popen.stdin.flush()
        return self.popen.stdout.readline().strip()

    def do(self, *words: str) -> float:
        """The command must succeed; returns the seconds it took."""
        answer = self.ask(*words)
        assert answer.startswith("ok "), f"{words}: {answer}"
        return int(answer.split()[1]) / 1e6

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def end(self) -> int:
        """Ends in good order, as far as it is still there."""
        if self.popen.stdin and not self.popen.stdin.closed:
            self.popen.stdin.close()
        status = self.popen.wait(10 * SLOW)
        if self.popen.stdout:
            self.popen.stdout.close()
        return status


@pytest.fixture
def space(lab: Lab) -> Namespace:
    return lab.namespace("host")


@pytest.fixture
def driver(lab: Lab, space: Namespace) -> Iterator[Driver]:
    made = Driver(lab, space)
    made.do("tun", "um0")
    yield made
    made.end()


def listed(space: Namespace, *words: str) -> list[dict[str, Any]]:
    text = run(["ip", "-n", space.name, "-j", "-d", *words], check=False).stdout
    return json.loads(text or "[]")


def routes(space: Namespace, *words: str) -> set[str]:
    """Ours, of both families and all tables: "10.0.0.0/8 main"."""
    found = set()
    for family in ("-4", "-6"):
        for route in listed(space, family, "route", "show", "table", "all", "proto", PROTOCOL):
            found.add(f"{family[1]} {route['dst']} {route.get('table', 'main')} {route['dev']}")
    return found


def rules(space: Namespace, family: str = "-4") -> list[str]:
    """Ours, in their order, in the words of ip-rule(8)."""
    text = run(["ip", "-n", space.name, "-d", family, "rule"]).stdout
    ours = [line for line in text.splitlines() if f"proto {PROTOCOL}" in line]
    return [" ".join(line.replace(f"proto {PROTOCOL}", "").split()) for line in ours]


def default_rules(mark: int, table: int) -> list[str]:
    return [
        f"{PASS}: from all fwmark {mark:#x} goto 32766",
        f"{MAIN}: from all lookup main suppress_prefixlength 0",
        f"{DEFAULT}: not from all fwmark {mark:#x} lookup {table}",
    ]


def addresses(space: Namespace, name: str) -> set[str]:
    (link,) = listed(space, "address", "show", "dev", name)
    found = {f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"]}
    return {address for address in found if not address.startswith("fe80:")}


def sysctl(space: Namespace, key: str) -> int:
    path = pathlib.Path("/proc/sys") / key.replace(".", "/")
    return int(space.call(path.read_text))


def tables(space: Namespace) -> list[str]:
    text = space.run("nft", "-j", "list", "tables").stdout
    return [t["table"]["name"] for t in json.loads(text)["nftables"] if "table" in t]


FULL = (
    *("mtu=1380", "address=10.66.0.2/24", "address=10.66.0.3/24", "address=fd66::2/64"),
    *("route=10.66.0.0/24", "route=192.168.7.0/24", "route=fd67::/48"),
    *("route=0.0.0.0/0", "route=::/0", "default-table=4711", "mark=77"),
)
FULL_ROUTES = {
    "4 192.168.7.0/24 main um0",
    "4 default 4711 um0",
    "6 fd67::/48 main um0",
    "6 default 4711 um0",
}


def assert_nothing(space: Namespace) -> None:
    assert routes(space) == set()
    assert rules(space, "-4") == rules(space, "-6") == []
    assert sysctl(space, VALID_MARK) == 0


def test_made_and_taken_away(space: Namespace, driver: Driver) -> None:
    """Addresses, MTU, link, routes, rules and the sysctl, and then none of it."""
    driver.do("set", "um0", *FULL)
    link = space.links()["um0"]
    assert link["mtu"] == 1380 and "UP" in link["flags"]
    assert addresses(space, "um0") == {"10.66.0.2/24", "10.66.0.3/24", "fd66::2/64"}
    assert routes(space) == FULL_ROUTES
    assert rules(space, "-4") == rules(space, "-6") == default_rules(77, 4711)
    assert sysctl(space, VALID_MARK) == 1

    # What is without the mark takes the tunnel; the mark, and what main knows better, do not.
    lab_cable(space)
    for words, device in (
        (("203.0.113.1",), "um0"),
        (("203.0.113.1", "mark", "77"), "cable"),
        (("198.18.0.77",), "cable"),
        (("192.168.7.1",), "um0"),
        (("2001:db8::1",), "um0"),
        (("2001:db8::1", "mark", "77"), "cable"),
    ):
        assert listed(space, "route", "get", *words)[0]["dev"] == device, words

    driver.do("drop", "um0")
    assert_nothing(space)
    assert addresses(space, "um0") == set()
    assert "UP" not in space.links()["um0"]["flags"]
    assert list(driver.state.iterdir()) == []


def interface(space: Namespace, name: str) -> None:
    """An interface that has nothing to do with tunnels."""
    space.ip(
        f"link add {name} type veth peer name {name}-end",
        f"link set {name} up",
        f"link set {name}-end up",
    )


def lab_cable(space: Namespace) -> None:
    interface(space, "cable")
    space.ip(
        "address add 198.18.0.1/24 dev cable",
        "address add fd18::1/64 dev cable nodad",
        "route add default via 198.18.0.254",
        "route add default via fd18::fe",
    )


def test_changed_by_differences(lab: Lab, space: Namespace, driver: Driver) -> None:
    """The kernel's own account of a change has the differences and nothing else."""
    for name in ("all", "um0"):  # by this the second address of a network would go with the first
        space.sysctl(f"net.ipv4.conf.{name}.promote_secondaries", 0)
    driver.do("set", "um0", *FULL)
    monitor = space.spawn("ip", "-o", "monitor", "address", "route", "rule", "link")

    def listening() -> bool:
        space.ip("route add blackhole 203.0.113.99", "route del blackhole 203.0.113.99")
        return "203.0.113.99" in monitor.output()

    wait_until(listening, 5, "monitor listens")
    driver.do("set", "um0", *FULL)
    driver.do("set", "um0", *FULL, "route=172.16.0.0/12", "address=10.66.0.9/24")
    without = [w for w in FULL if w not in ("address=10.66.0.2/24", "route=fd67::/48")]
    driver.do("set", "um0", *without)
    space.ip("route add blackhole 203.0.113.98")
    wait_until(lambda: "203.0.113.98" in monitor.output(), 5, "monitor has seen all")
    lines = [line for line in monitor.output().splitlines() if "203.0.113.9" not in line]
    seen = [line for line in lines if "table local" not in line and "multicast" not in line]
    for expected in ("172.16.0.0/12", "10.66.0.9/24", "10.66.0.2/24", "fd67::/48"):
        assert any(expected in line for line in seen), (expected, seen)
    # Nothing of what stays was deleted: neither the default routes and rules nor other addresses.
    kept = ("default", "192.168.7.0/24", "fwmark", "suppress", "fd66::2", "10.66.0.3/24")
    lost = [line for line in lines if line.startswith("Deleted") and any(k in line for k in kept)]
    assert lost == []
    assert addresses(space, "um0") == {"10.66.0.3/24", "fd66::2/64"}
    assert routes(space) == FULL_ROUTES - {"6 fd67::/48 main um0"}

    # No default route any more, another MTU; what somebody removed comes back.
    space.ip("route del 192.168.7.0/24 dev um0")
    driver.do("set", "um0", "mtu=1400", "address=10.66.0.3/24", "route=192.168.7.0/24")
    assert routes(space) == {"4 192.168.7.0/24 main um0"}
    assert rules(space, "-4") == rules(space, "-6") == []
    assert sysctl(space, VALID_MARK) == 0
    assert space.links()["um0"]["mtu"] == 1400
    # The network of an address turns into a route, and back; and all v4 addresses go.
    driver.do("set", "um0", "address=10.66.0.3/32", "route=10.66.0.0/24", "route=192.168.7.0/24")
    both = {"4 192.168.7.0/24 main um0", "4 10.66.0.0/24 main um0"}
    assert routes(space) == both
    driver.do("set", "um0", "route=10.66.0.0/24", "route=192.168.7.0/24")
    assert addresses(space, "um0") == set()
    assert routes(space) == both
    driver.do("set", "um0", "address=10.66.0.3/24", "route=10.66.0.0/24", "route=192.168.7.0/24")
    assert routes(space) == {"4 192.168.7.0/24 main um0"}
    assert listed(space, "route", "get", "10.66.0.77")[0]["dev"] == "um0"


def test_killed_and_cleaned(lab: Lab, space: Namespace, driver: Driver) -> None:
    """What is left by a process that was killed goes at the next one's start, others' stays."""
    interface(space, "stays")
    space.ip(
        "route add 203.0.113.0/24 dev stays proto static",
        "rule add fwmark 9 lookup 300",
    )
    run(["ip", "-n", space.name, "-6", "rule", "add", "fwmark", "9", "lookup", "300"])
    space.sysctl("net.ipv4.conf.all.accept_redirects", 0)
    driver.do("set", "um0", *FULL)
    driver.do("set", "stays", "address=10.9.0.1/24", "route=10.8.0.0/16", "route=fd08::/16")
    driver.do("filter", "um0", "address=10.66.0.2/24", "address=fd66::2/64", "forward", "mark=77")
    driver.do("apply")
    assert sysctl(space, FORWARD4) == sysctl(space, FORWARD6) == 1
    assert tables(space) == ["umbra"]
    driver.kill()
    wait_until(lambda: "um0" not in space.links(), 5, "interface gone with its process")
    assert rules(space) == default_rules(77, 4711)
    assert "4 10.8.0.0/16 main stays" in routes(space)
    assert sysctl(space, VALID_MARK) == 1

    other = Driver(lab, space)
    assert other.do("clean") < 1 * SLOW + STALL
    assert_nothing(space)
    assert tables(space) == []
    assert sysctl(space, FORWARD4) == sysctl(space, FORWARD6) == 0
    assert sysctl(space, "net.ipv4.conf.all.accept_redirects") == 0
    assert list(other.state.iterdir()) == []
    for family in ("-4", "-6"):
        assert any(rule.get("fwmark") == "0x9" for rule in listed(space, family, "rule")), family
    assert listed(space, "route", "show", "203.0.113.0/24")
    other.do("clean")


def test_others_routes_stay(space: Namespace, driver: Driver) -> None:
    """A route that somebody else has is a problem with a name, and nothing else is left of it."""
    lab_cable(space)
    space.ip("route add 10.8.0.0/16 dev cable", "route add fd08::/32 dev cable metric 1024")
    assert driver.ask("set", "um0", *FULL, "route=10.8.0.0/16") == (
        "ERR_EXISTS route 10.8.0.0/16: exists already"
    )
    assert_nothing(space)
    assert addresses(space, "um0") == set()
    assert "UP" not in space.links()["um0"]["flags"]
    assert listed(space, "route", "show", "10.8.0.0/16")[0]["dev"] == "cable"

    # A change that fails leaves the plan before.
    driver.do("set", "um0", *FULL)
    answer = driver.ask("set", "um0", "mtu=1300", "address=10.66.0.7/24", "route=fd08::/32")
    assert answer == "ERR_EXISTS route fd08::/32: exists already"
    assert addresses(space, "um0") == {"10.66.0.2/24", "10.66.0.3/24", "fd66::2/64"}
    assert routes(space) == FULL_ROUTES
    assert rules(space) == default_rules(77, 4711)
    assert space.links()["um0"]["mtu"] == 1380
    assert listed(space, "-6", "route", "show", "fd08::/32")[0]["dev"] == "cable"

    assert driver.ask("set", "um9").startswith("ERR_NO_DEVICE interface um9: ")


def test_several_tunnels(space: Namespace, driver: Driver) -> None:
    """Rules that tunnels share stay with the last; no tunnel's datagrams go into another one."""
    lab_cable(space)
    driver.do("tun", "um1")
    driver.do("set", "um0", *FULL)
    driver.do("set", "um1", "address=10.67.0.2/24", "route=0.0.0.0/0", "default-table=5", "mark=9")
    first, second = default_rules(77, 4711), default_rules(9, 5)
    assert rules(space) == [first[0], second[0], first[1], first[2], second[2]]
    for mark in ("77", "9"):
        assert listed(space, "route", "get", "203.0.113.1", "mark", mark)[0]["dev"] == "cable"
    assert listed(space, "route", "get", "203.0.113.1")[0]["dev"] == "um0"
    driver.do("drop", "um0")
    assert rules(space) == second
    assert sysctl(space, VALID_MARK) == 1
    assert listed(space, "route", "get", "203.0.113.1")[0]["dev"] == "um1"
    # The mark changes under way.
    driver.do("set", "um1", "address=10.67.0.2/24", "route=0.0.0.0/0", "default-table=5", "mark=8")
    assert rules(space) == default_rules(8, 5)
    # An interface that was deleted leaves nothing either.
    space.ip("link del um1")
    driver.do("drop", "um1")
    assert_nothing(space)


def test_table(space: Namespace, driver: Driver) -> None:
    """A table of the administrator's gets all routes, and no rules are made."""
    driver.do("set", "um0", "table=300", "route=0.0.0.0/0", "route=::/0", "route=10.0.0.0/8")
    assert routes(space) == {"4 default 300 um0", "6 default 300 um0", "4 10.0.0.0/8 300 um0"}
    assert rules(space) == []
    driver.do("set", "um0", "table=300", "no-routes", "route=0.0.0.0/0")
    assert_nothing(space)


def test_without_v6(lab: Lab) -> None:
    """Where IPv6 is switched off its part is left out, and that is told."""
    space = lab.namespace("four")
    for name in ("all", "default"):
        space.sysctl(f"net.ipv6.conf.{name}.disable_ipv6", 1)
    driver = Driver(lab, space)
    driver.do("tun", "um0")
    assert driver.ask("set", "um0", *FULL).endswith(" no-v6")
    assert addresses(space, "um0") == {"10.66.0.2/24", "10.66.0.3/24"}
    assert routes(space) == {route for route in FULL_ROUTES if route.startswith("4")}
    assert rules(space, "-6") == []
    driver.do("set", "um0", *FULL, "route=10.0.0.0/8")
    driver.do("drop", "um0")
    assert not driver.ask("set", "um0", "address=10.66.0.2/24").endswith(" no-v6")
    driver.do("clean")
    assert_nothing(space)


def test_many_routes(space: Namespace, driver: Driver) -> None:
    """5,000 routes within a second; one more is a matter of milliseconds, and so is the end."""
    took = {
        "new": driver.do("set", "um0", "address=192.168.9.1/24", "many=5000"),
        "one more": driver.do("set", "um0", "address=192.168.9.1/24", "many=5001"),
        "drop": driver.do("drop", "um0"),
    }
    print(took)
    assert took["new"] < 1 * SLOW + STALL
    assert took["one more"] < 0.5 * SLOW + STALL
    assert took["drop"] < 1 * SLOW + STALL
    assert_nothing(space)
    driver.do("set", "um0", "many=5000")
    assert len(routes(space)) == 5000
    # One of them is not to be had: the other 4,999 go again.
    driver.do("drop", "um0")
    lab_cable(space)
    space.ip("route add 10.10.10.0/24 dev cable")
    assert "route 10.10.10.0/24" in driver.ask("set", "um0", "many=5000")
    assert routes(space) == set()


def test_pings_through_changes(lab: Lab) -> None:
    """Two hosts ping through their interfaces while plans change: not one is lost."""
    left, right = lab.namespace("left"), lab.namespace("right")
    near, far = lab.link(left, right)
    drivers = Driver(lab, left), Driver(lab, right)
    plans = [
        (f"mtu={1400 + n}",)
        + tuple(f"address={address}" for address in (f"10.66.0.{n}/24", f"fd66::{n}/64"))
        for n in (1, 2)
    ]
    for one, name, plan in zip(drivers, (near, far), plans):
        one.do("set", name, *plan)
    right.ip("address add 203.0.113.7/32 dev lo")
    left.ip(f"neigh replace 203.0.113.7 lladdr {right.links()[far]['address']} dev {near}")
    default = ("route=0.0.0.0/0", "route=::/0", "default-table=7", "mark=7")
    drivers[0].do("set", near, *plans[0], *default)
    pings = [Pinging(left, address, 0.01) for address in ("10.66.0.2", "fd66::2", "203.0.113.7")]
    for round in range(10):
        more = (f"route=10.{20 + round}.0.0/16", f"address=10.66.0.{20 + round}/24")
        drivers[0].do("set", near, *plans[0], *more, *default)
        drivers[1].do("set", far, *plans[1], *more[:1])
        drivers[0].do("set", near, f"mtu={1380 + round}", *plans[0][1:], *default)
    assert [p.missing() for p in pings] == [[], [], []]


def rule_texts(space: Namespace) -> str:
    return space.run("nft", "list", "table", "inet", "umbra").stdout


def test_firewall_table(lab: Lab, space: Namespace, driver: Driver) -> None:
    """nft takes all that is written, as one table that is replaced as a whole."""
    space.nft("table inet other {\nchain c {\ntype filter hook input priority 0;\n}\n}\n")
    driver.do("filter", "um0", "address=10.66.0.1/24", "address=fd66::1/64", "mark=77")
    driver.do("filter", "u.m-1_", "address=10.67.0.1/32", "forward", "masquerade")
    for _ in range(2):
        driver.do("apply")
        text = rule_texts(space)
        for expected in (
            'iifname != "um0" iifname != "lo" ip daddr 10.66.0.1 fib saddr type != local drop',
            'iifname != "um0" iifname != "lo" ip6 daddr fd66::1 fib saddr type != local drop',
            "meta l4proto udp ct mark 0x0000004d meta mark set 0x0000004d",
            "meta l4proto udp meta mark 0x0000004d ct mark set 0x0000004d",
            'oifname "u.m-1_" tcp flags syn / syn,rst tcp option maxseg size set rt mtu',
            'iifname "u.m-1_" accept',
            'ip saddr 10.67.0.1 oifname != "u.m-1_" oifname != "lo" masquerade',
        ):
            assert text.count(expected) == 1, (expected, text)
    assert 'iifname "um0" accept' not in text
    # A tunnel with v4 addresses alone does not need v6 forwarding.
    assert (sysctl(space, FORWARD4), sysctl(space, FORWARD6)) == (1, 0)

    driver.do("unfilter")
    driver.do("filter", "um0", "address=10.66.0.1/24")
    driver.do("apply")
    text = rule_texts(space)
    assert "10.67.0.1" not in text and "masquerade" not in text and "ct mark" not in text
    assert sysctl(space, FORWARD4) == 0
    driver.do("filter", "um*", "forward")
    assert driver.ask("apply") == "ERR_INVALID rules: invalid value"
    assert "10.66.0.1" in rule_texts(space)
    driver.do("unfilter")
    for _ in range(2):
        driver.do("apply")
        assert tables(space) == ["other"]


def test_host_without_nft(lab: Lab, space: Namespace) -> None:
    """Rules fail with the name of the package; what needs no rules works, and so does cleaning."""
    shell = "mount --bind /dev/null /usr/sbin/nft && exec \"$0\" \"$@\""
    driver = Driver(lab, space, ("unshare", "-m", "sh", "-c", shell))
    driver.do("clean")
    driver.do("apply")
    driver.do("filter", "um0")
    driver.do("apply")
    driver.do("filter", "um0", "address=10.0.0.1/24", "forward")
    assert driver.ask("apply") == (
        "ERR_NOT_FOUND there is no nft program; it is in the package nftables"
    )
    assert sysctl(space, FORWARD4) == 0
    # Even a table from better days goes.
    space.nft("table inet umbra {\nchain c {\ntype filter hook input priority 0;\n}\n}\n")
    driver.do("clean")
    assert tables(space) == []


def test_sysctls_of_before(lab: Lab, space: Namespace, driver: Driver) -> None:
    """Settings come back as they were; accept_ra and accept_redirects are seen to; others' stay."""
    lab_cable(space)
    interface(space, "other")
    space.sysctl("net.ipv6.conf.cable.accept_ra", 1)
    space.sysctl("net.ipv6.conf.other.accept_ra", 0)
    space.sysctl("net.ipv4.conf.all.accept_redirects", 1)
    driver.do("filter", "um0", "address=10.66.0.1/24", "address=fd66::1/64", "forward")
    for _ in range(2):
        driver.do("apply")
        assert (sysctl(space, FORWARD4), sysctl(space, FORWARD6)) == (1, 1)
        assert sysctl(space, "net.ipv6.conf.cable.accept_ra") == 2
        assert sysctl(space, "net.ipv6.conf.other.accept_ra") == 0
    space.ip("link del other")
    driver.do("unfilter")
    driver.do("apply")
    assert (sysctl(space, FORWARD4), sysctl(space, FORWARD6)) == (0, 0)
    assert sysctl(space, "net.ipv6.conf.cable.accept_ra") == 1
    assert sysctl(space, "net.ipv4.conf.all.accept_redirects") == 1

    # A router before stays one, with its own settings, also after a crash.
    space.sysctl(FORWARD4, 1)
    space.sysctl(FORWARD6, 1)
    space.sysctl("net.ipv4.conf.all.accept_redirects", 1)
    driver.do("filter", "um0", "address=10.66.0.1/24", "address=fd66::1/64", "forward")
    driver.do("apply")
    assert sysctl(space, "net.ipv4.conf.all.accept_redirects") == 1
    driver.kill()
    other = Driver(lab, space)
    other.do("clean")
    assert (sysctl(space, FORWARD4), sysctl(space, FORWARD6)) == (1, 1)
    assert sysctl(space, "net.ipv4.conf.all.accept_redirects") == 1

    # What was kept in another namespace, or before the machine started again, means nothing.
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    here = space.path.stat().st_ino
    kept = other.state / "sysctl.firewall"
    for stamp, expected in ((f"{boot} 1", 1), (f"{'0' * 36} {here}", 1), (f"{boot} {here}", 0)):
        kept.write_text(f"umbra-sysctl-1 {stamp}\nnet/ipv4/ip_forward 0 1\n")
        other.do("clean")
        assert sysctl(space, FORWARD4) == expected, stamp
        assert not kept.exists()


def test_router(lab: Lab) -> None:
    """A client's packets leave for the outside with the router's address; nobody else's come in."""
    client, router, outside = (lab.namespace(name) for name in ("client", "router", "outside"))
    inner, tunnel = lab.link(client, router, ["10.66.0.2/24", "fd66::2/64"], mtu=1280)
    lab.link(
        router, outside, ["198.18.0.1/24", "fd18::1/64"], ["198.18.0.2/24", "fd18::2/64"]
    )
    client.ip("route add default via 10.66.0.1", "route add default via fd66::1")
    driver = Driver(lab, router)
    both = ("address=10.66.0.1/24", "address=fd66::1/64")
    driver.do("set", tunnel, *both)
    assert_pings(client, "10.66.0.1")
    assert not reachable(client, "198.18.0.2")
    driver.do("filter", tunnel, *both, "forward", "masquerade")
    driver.do("apply")
    outside.count(
        "input", hidden="ip saddr 198.18.0.1", hidden6="ip6 saddr fd18::1 icmpv6 type echo-request"
    )
    for address in ("198.18.0.2", "fd18::2"):
        assert_pings(client, address)
    counters = outside.counters()
    assert counters["hidden"] >= 3 and counters["hidden6"] >= 3

    # The tunnel's address answers in the tunnel, and to the router itself, and to nobody else.
    outside.ip("route add 10.66.0.1/32 via 198.18.0.1", "route add fd66::1/128 via fd18::1")
    for address in ("10.66.0.1", "fd66::1"):
        assert_pings(client, address)
        assert_pings(router, address)
        assert not reachable(outside, address)

    # Both ends of a connection are told of the smaller MTU.
    outside.nft(
        "table inet seen {\ncounter small { }\nchain c {\ntype filter hook input priority 0;\n"
        "tcp flags & (syn|rst) == syn tcp option maxseg size 1240 counter name small\n}\n}\n"
    )
    client.run("sh", "-c", f"ip link set {inner} mtu 1500")
    wait_until(lambda: syn_seen(client, outside), 5, "a SYN with a smaller segment size")
    driver.do("unfilter")
    driver.do("apply")
    assert sysctl(router, FORWARD4) == 0
    assert_pings(outside, "10.66.0.1", 1)


def syn_seen(client: Namespace, outside: Namespace) -> bool:
    client.run(
        *("timeout", "1", "bash", "-c", "exec 3<>/dev/tcp/198.18.0.2/9"), check=False, timeout=5
    )
    return outside.counters()["small"] > 0
