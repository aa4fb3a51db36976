"""Whether what the file and the store say is what is there: in the API's answers and in the kernel.

What rules, routes and packet filters a configuration makes is not computed here a second time:
the first time that a configuration has settled, they are noted, and each later time, after
whatever happened, they must be the same.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from harness.resolving import NamedNode
from harness.node import Node

OWN_PROTOCOLS = {"117", "118", "umbra"}
# Counters, handles and what runs down by itself.
VOLATILE = {"handle", "packets", "bytes", "expires", "metainfo"}


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in VOLATILE}
    if isinstance(value, list):
        return [_without(item) for item in value]
    return value


def _canonical(prefixes: list[str]) -> set[str]:
    return {str(ipaddress.ip_interface(prefix)) for prefix in prefixes}


class Expectation:
    """One node: its configuration is node.tunnels, and what the tool added is noted here."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.added: dict[str, dict[str, set[str]]] = {}  # tunnel: peer: allowed IPs
        self.up: dict[str, bool] = {
            name: bool(values.get("autostart", True)) for name, values in node.tunnels.items()
        }
        self._noted: dict[str, dict[str, Any]] = {}
        self.compared = 0

    def _key(self) -> str:
        added = {t: {n: sorted(a) for n, a in p.items()} for t, p in self.added.items() if p}
        state = [self.node.tunnels, added, self.up]
        return json.dumps(state, sort_keys=True)

    def forget(self) -> None:
        """What was noted; the next time settles anew what is right."""
        self._noted.clear()

    def differences(self) -> list[str]:
        """Each in a line."""
        self.compared += 1
        found = self._api() + self._names()
        present = self._kernel()
        noted = self._noted.setdefault(self._key(), present)
        for kind, value in present.items():
            if noted[kind] != value:
                found += [f"{kind}: + {line}" for line in value if line not in noted[kind]]
                found += [f"{kind}: - {line}" for line in noted[kind] if line not in value]
        return [f"{self.node.label}: {line}" for line in found]

    def _api(self) -> list[str]:
        found = []
        status = {t["name"]: t for t in self.node.status()["tunnels"]}
        if status.keys() != self.node.tunnels.keys():
            found.append(f"tunnels {sorted(status)}, not {sorted(self.node.tunnels)}")
        links = self.node.namespace.links()
        for name in status.keys() & self.node.tunnels.keys():
            values, shown = self.node.tunnels[name], status[name]
            wanted = "up" if self.up[name] else "down"
            if shown["state"] != wanted:
                found.append(f"{name} is {shown['state']} ({shown['reason']}), not {wanted}")
            if (name in links) != self.up[name]:
                found.append(f"the interface {name} is {'there' if name in links else 'missing'}")
            elif self.up[name]:
                found += self._interface(name, values, shown, links[name])
            found += self._peers(name, values)
        return found

    def _names(self) -> list[str]:
        """The name servers that programs of this host are told of."""
        if not isinstance(self.node, NamedNode):
            return []
        wanted = [
            server
            for name, values in self.node.tunnels.items()
            for server in values.get("dns", {}).get("servers", [])
            if self.up[name]
        ]
        text = self.node.file.read_text()
        has = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]
        return [] if has == wanted else [f"resolv.conf has {has}, not {wanted}"]

    def _interface(
        self, name: str, values: dict[str, Any], shown: dict[str, Any], link: dict[str, Any]
    ) -> list[str]:
        found = []
        wanted = _canonical(values["addresses"])
        has = {
            f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] != "link"
        }
        for where, addresses in (
            ("ip address", _canonical(list(has))),
            ("status", _canonical(shown["addresses"])),
        ):
            if addresses != wanted:
                found.append(f"{name}: {where} has {sorted(addresses)}, not {sorted(wanted)}")
        if isinstance(mtu := values.get("mtu"), int) and link["mtu"] != mtu:
            found.append(f"{name}: MTU {link['mtu']}, not {mtu}")
        return found

    def _peers(self, name: str, values: dict[str, Any]) -> list[str]:
        wanted = {p["name"]: _canonical(p["allowed_ips"]) for p in values.get("peers", [])}
        wanted |= self.added.get(name, {})
        has = {n: _canonical(p["allowed_ips"]) for n, p in self.node.peers(name).items()}
        if has == wanted:
            return []
        return [f"{name}: peers {sorted(has)}, not {sorted(wanted)}, or their allowed IPs"]

    def _kernel(self) -> dict[str, list[str]]:
        space = self.node.namespace
        made: dict[str, list[str]] = {}
        for family in ("-4", "-6"):
            rules = space.run("ip", family, "rule").stdout.splitlines()
            made[f"ip {family} rule"] = sorted(rules)
            listed = space.run("ip", "-j", family, "route", "show", "table", "all").stdout
            made[f"ip {family} route"] = sorted(
                json.dumps(_without(route), sort_keys=True)
                for route in json.loads(listed or "[]")
                if route.get("protocol") in OWN_PROTOCOLS
            )
        listed = json.loads(space.run("nft", "-j", "list", "ruleset").stdout)["nftables"]
        rows = (_without(row) for row in listed if "metainfo" not in row)
        made["nft"] = [json.dumps(row, sort_keys=True) for row in rows]
        return made
