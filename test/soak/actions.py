"""The mishaps and the ordinary changes of a long day. Each leaves the surroundings as they were."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.device import new_key
from harness.node import Node, peer
from harness.process import wait_until
from soak.expect import Expectation
from soak.world import INTERNET, OTHER, RESOLV_CONF, SERVER, World

MTUS = (1420, 1400, 1380, 1300)
KEEPALIVES = (0, 5, 25)
EXCLUDED = ([], ["192.168.0.0/16"], ["192.168.0.0/16", "10.200.0.0/16", "fd20::/32"])
FILE_PEERS_MAX = 8
STORE_PEERS_MAX = 8


@dataclass(frozen=True)
class Action:
    run: Callable[[Actions], None]
    bound: float  # seconds after which both probes must be answered again


class Actions:
    """What the actions act upon, and the chance that decides the details."""

    def __init__(
        self, world: World, client: Expectation, server: Expectation, chance: random.Random
    ) -> None:
        self.world, self.chance = world, chance
        self.expected = {world.client.label: client, world.server.label: server}
        self.made = 0  # peers so far, for their names

    def pause(self, least: float, most: float) -> None:
        time.sleep(self.chance.uniform(least, most))

    # Processes

    def _kill(self, node: Node, part: str) -> None:
        before = node.part(part)
        os.kill(before, signal.SIGKILL)

        def again() -> bool:
            try:
                return node.part(part) != before
            except AssertionError:
                return False

        wait_until(again, 10, f"{part} of {node.label} started again")

    def kill_client_net(self) -> None:
        self._kill(self.world.client, "net")

    def kill_client_control(self) -> None:
        self._kill(self.world.client, "control")

    def kill_server_net(self) -> None:
        self._kill(self.world.server, "net")

    def kill_server_control(self) -> None:
        self._kill(self.world.server, "control")

    def _kill_all(self, node: Node) -> None:
        """As a service manager has it: dead, and after a while started again."""
        node.kill()
        self.pause(0.1, 1.5)
        node.start(timeout=20)

    def kill_client_privileged(self) -> None:
        self._kill_all(self.world.client)

    def kill_server_privileged(self) -> None:
        self._kill_all(self.world.server)

    def _restart(self, node: Node) -> None:
        status = node.stop()
        assert status == 0, f"SIGTERM ended {node.label} with {status}"
        self.pause(0, 1)
        node.start(timeout=20)

    def restart_client(self) -> None:
        self._restart(self.world.client)

    def restart_server(self) -> None:
        self._restart(self.world.server)

    # Configuration

    def _reload(self, node: Node) -> None:
        """By the tool or by the signal."""
        if self.chance.random() < 0.5:
            node.reload()
            return
        word = "the configuration was read again"
        before = node.log_text().count(word)
        node.write()
        assert node.process
        os.kill(node.process.pid, signal.SIGHUP)
        wait_until(lambda: node.log_text().count(word) > before, 10, f"{node.label}: {word}")

    def reload_client(self) -> None:
        values = self.world.client.tunnels[self.world.tunnel]
        values["mtu"] = self.chance.choice(MTUS)
        values["peers"][0]["persistent_keepalive"] = self.chance.choice(KEEPALIVES)
        if self.world.has("exclude"):
            values["routes"] = {"exclude": self.chance.choice(EXCLUDED)}
        if self.world.has("allow_lan"):
            values["allow_lan"] = self.chance.random() < 0.5
        self._reload(self.world.client)

    def reload_server_peers(self) -> None:
        """Up to eight peers of the file come and go; the client's own stays."""
        peers = self.world.server.tunnels[self.world.far_tunnel]["peers"]
        if len(peers) > FILE_PEERS_MAX or (len(peers) > 1 and self.chance.random() < 0.5):
            peers.pop(self.chance.randrange(1, len(peers)))
        else:
            self.made += 1
            prefixes = [f"10.98.{self.made >> 8 & 255}.{self.made & 255}/32"]
            peers.append(peer(f"file-{self.made}", new_key(), prefixes))
        self._reload(self.world.server)

    def reload_wrong_file(self) -> None:
        """Refused, and nothing changes."""
        node = self.world.client
        node.configuration.write_text("tunnels: [")
        assert node.umbra("reload", check=False).returncode == 1
        node.write()

    def other_endpoint(self) -> None:
        """The server is asked at its other address, of either family."""
        family = self.chance.choice((4, 6))
        address = self.chance.choice(SERVER[family])
        host = f"[{address}]" if family == 6 else address
        port = self.world.endpoint()["endpoint"].rpartition(":")[2]
        self.world.endpoint()["endpoint"] = f"{host}:{port}"
        self._reload(self.world.client)

    def other_tunnel(self) -> None:
        """umbra up or down of the tunnel beside; when up, it carries packets."""
        world, name = self.world, self.world.other
        up = not self.expected["client"].up[name]
        world.client.umbra("up" if up else "down", name)
        self.expected["client"].up[name] = up
        if up:
            space = world.client.namespace
            wait_until(
                lambda: space.run("ping", "-c1", "-W1", OTHER[4], check=False).returncode == 0,
                15,
                "a ping through the other tunnel",
            )

    def tool_peers(self) -> None:
        """umbra peer add, or del of one that was so added."""
        world, name = self.world, self.world.far_tunnel
        added = self.expected["server"].added.setdefault(name, {})
        if len(added) >= STORE_PEERS_MAX or (added and self.chance.random() < 0.5):
            gone = self.chance.choice(sorted(added))
            world.server.umbra("peer", "del", name, gone)
            del added[gone]
            return
        self.made += 1
        prefix = f"10.97.{self.made >> 8 & 255}.{self.made & 255}/32"
        options = ("--public-key", new_key().public, "--allowed-ips", prefix)
        world.server.umbra("peer", "add", name, f"tool-{self.made}", *options)
        added[f"tool-{self.made}"] = {prefix}

    # The network around

    def new_address(self) -> None:
        self.world.uplinks[0].readdress()

    def uplink_down(self) -> None:
        """The better uplink is gone for a while; the other one carries on."""
        uplink, space = self.world.uplinks[0], self.world.client.namespace
        space.ip(f"link set {uplink.name} down")
        self.pause(1, 3)
        space.ip(f"link set {uplink.name} up")
        uplink.route()

    def both_uplinks_down(self) -> None:
        space = self.world.client.namespace
        for uplink in self.world.uplinks:
            space.ip(f"link set {uplink.name} down")
        self.pause(1, 3)
        for uplink in self.world.uplinks:
            space.ip(f"link set {uplink.name} up")
            uplink.route()

    def second_uplink(self) -> None:
        """The other uplink becomes the better one."""
        first, second = self.world.uplinks
        second.prefer(50 if second.metric > first.metric else 200)

    def flush_client_rules(self) -> None:
        """Somebody's script empties the packet filter. What is not made again counts as lost."""
        self.world.client.namespace.run("nft", "flush", "ruleset")

    def overwrite_resolv_conf(self) -> None:
        """As a DHCP client does; the tunnel's name servers come back into the file."""
        self.world.client.file.write_text(RESOLV_CONF)

    def rogue_route(self) -> None:
        """More specific ones than the tunnel's, as a hostile DHCP server gives them."""
        space, uplink = self.world.client.namespace, self.world.uplinks[0]
        routes = (
            f"{INTERNET[4]}/32 via 198.18.{uplink.number}.1 dev {uplink.name}",
            f"{INTERNET[6]}/128 via fd18:{uplink.number}::1 dev {uplink.name}",
        )
        space.ip(*(f"route add {route}" for route in routes))
        self.pause(0.5, 2)
        space.ip(*(f"route del {route}" for route in routes))


ACTIONS: dict[str, Action] = {
    "client: kill -9 net": Action(Actions.kill_client_net, 15),
    "client: kill -9 control": Action(Actions.kill_client_control, 5),
    "client: kill -9 privileged": Action(Actions.kill_client_privileged, 20),
    "client: SIGTERM, start": Action(Actions.restart_client, 20),
    "client: reload": Action(Actions.reload_client, 10),
    "client: reload, refused": Action(Actions.reload_wrong_file, 5),
    "client: other endpoint": Action(Actions.other_endpoint, 15),
    "client: other tunnel": Action(Actions.other_tunnel, 10),
    "client: new address": Action(Actions.new_address, 15),
    "client: uplink down, up": Action(Actions.uplink_down, 30),
    "client: all uplinks down, up": Action(Actions.both_uplinks_down, 30),
    "client: other uplink": Action(Actions.second_uplink, 30),
    "client: nft flush ruleset": Action(Actions.flush_client_rules, 10),
    "client: resolv.conf overwritten": Action(Actions.overwrite_resolv_conf, 5),
    "client: rogue routes": Action(Actions.rogue_route, 15),
    "server: kill -9 net": Action(Actions.kill_server_net, 30),
    "server: kill -9 control": Action(Actions.kill_server_control, 5),
    "server: kill -9 privileged": Action(Actions.kill_server_privileged, 40),
    "server: SIGTERM, start": Action(Actions.restart_server, 40),
    "server: reload, peers": Action(Actions.reload_server_peers, 5),
    "server: peer add, del": Action(Actions.tool_peers, 5),
}
