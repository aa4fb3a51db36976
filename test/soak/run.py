"""make soak: makes the world, lets the actions loose, watches, and reports."""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from harness.device import REPOSITORY, new_key
from harness.lab import Lab, isolate, remove_leftovers
from harness.leaks import LeakWatch
from harness.process import SLOW
from soak.actions import ACTIONS, Action, Actions
from soak.expect import Expectation
from soak.figures import Life, Watch, percentile, zombies_of
from soak.load import Load, Services
from soak.probe import Probe
from soak.world import INTERNET, OTHER_PORT, PORT, SERVER, World, folder_of, state_size

MINUTE = 60.0
AGREE_SECONDS = 5.0  # in which the kernel and the API must be as the configuration says
DIFFERENCES_SHOWN, DIFFERENCE_SHOWN = 4, 200
GIVE_UP = 120.0  # without a way through the tunnel: nothing more can be learnt
STATE_LIMIT = 8 << 20  # bytes of a state folder
# Below this, growth of memory says nothing: caches still fill.
JUDGE_MEMORY_SECONDS = 1200
GROWTH_LIMIT = 256.0  # KiB an hour


@dataclass
class Record:
    """What became of the actions, and everything that should not be."""

    times: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    leaked: dict[str, int] = field(default_factory=dict)  # by action
    begun: float = field(default_factory=time.monotonic)

    def fault(self, text: str) -> None:
        stamp = f"{time.monotonic() - self.begun:7.1f} s  {text}"
        self.faults.append(stamp)
        print(f"FAULT {stamp}", flush=True)


class Soak:
    def __init__(self, lab: Lab, options: argparse.Namespace) -> None:
        self.options = options
        self.world = World(lab)
        self.chance = random.Random(options.seed)
        self.record = Record()
        world = self.world
        self.expected = {n.label: Expectation(n) for n in world.nodes}
        self.actions = Actions(
            world, self.expected["client"], self.expected["server"], self.chance
        )
        self.calm = {"calm client": world.calm.client, "calm server": world.calm.server}
        kicked = {n.label: n for n in world.nodes}
        self.watch = Watch({**self.calm, **kicked})
        self.calm_round = 0

    def start(self) -> None:
        world = self.world
        servers = [address for addresses in SERVER.values() for address in addresses]
        endpoints = [(address, port) for address in servers for port in (PORT, OTHER_PORT)]
        self.leaks = [
            LeakWatch(world.street, uplink.far, endpoints)
            for uplink in world.uplinks
        ]
        world.start()
        self.services = Services(world.internet)
        space = world.client.namespace
        self.probes = [Probe(space, address) for address in INTERNET.values()]
        self.calm_probe = Probe(world.calm.client.namespace, "10.99.0.1")
        self.load = Load(space)
        self._wait_steady(time.monotonic(), 20, "the start")
        self.folders = {n.label: set(folder_of(n)) for n in world.nodes}
        self._compare("the start")
        self.record.begun = time.monotonic()

    def leaked(self) -> int:
        return sum(watch.leaked for watch in self.leaks)

    # One action

    def _wait_steady(self, since: float, bound: float, what: str) -> bool:
        """Whether all probes are answered in time again; waits on, when they are not."""
        begun = time.monotonic()
        late = False
        while not all(probe.steady(since) for probe in self.probes):
            self.watch.sample()
            waited = time.monotonic() - begun
            if waited > bound * SLOW and not late:
                late = True
                silent = [p.address for p in self.probes if not p.steady(since)]
                self.record.fault(f"{what}: no way to {', '.join(silent)} after {bound:.0f} s")
            if waited > GIVE_UP * SLOW:
                raise TimeoutError(f"{what}: the tunnel stays dead")
            time.sleep(0.02)
        return not late

    def _compare(self, what: str) -> None:
        """Configuration against reality; for some seconds they may differ."""
        end = time.monotonic() + AGREE_SECONDS * SLOW
        for expected in self.expected.values():
            while differences := self._differences(expected):
                if time.monotonic() > end:
                    shown = [line[:DIFFERENCE_SHOWN] for line in differences[:DIFFERENCES_SHOWN]]
                    for line in shown:
                        self.record.fault(f"{what}: lost: {line}")
                    if more := len(differences) - len(shown):
                        self.record.fault(f"{what}: and {more} more")
                    # What is lost once is not reported after every action.
                    expected.forget()
                    break
                time.sleep(0.2)

    def _differences(self, expected: Expectation) -> list[str]:
        try:
            return expected.differences()
        except AssertionError as error:
            return [str(error).splitlines()[0]]

    def one(self, name: str, action: Action) -> None:
        leaked, begun = self.leaked(), time.monotonic()
        try:
            action.run(self.actions)
        except AssertionError as error:
            self.record.fault(f"{name}: {' / '.join(str(error).splitlines()[:3])}")
            for node in self.world.nodes:
                if node.process and not node.process.running():
                    node.start(timeout=20)
        done = time.monotonic()
        self._wait_steady(done, action.bound, name)
        back = max(p.back_after(begun, time.monotonic()) for p in self.probes)
        self.record.times.setdefault(name, []).append(back)
        self._compare(name)
        for node in self.world.nodes:
            if zombies := zombies_of(node):
                self.record.fault(f"{name}: {node.label} has zombies: {zombies}")
            if (size := state_size(node)) > STATE_LIMIT:
                self.record.fault(f"{name}: the state folder of {node.label} has {size} bytes")
        if more := self.leaked() - leaked:
            self.record.leaked[name] = self.record.leaked.get(name, 0) + more

    def _live_calmly(self) -> None:
        """What an undisturbed daemon does all day: peers come and go, the file is read again."""
        self.calm_round += 1
        pair = self.world.calm
        pair.server.tunnels[pair.server_tunnel]["mtu"] = 1400 + self.calm_round % 2
        pair.server.reload()
        options = ("--public-key", new_key().public, "--allowed-ips", "10.99.0.99/32")
        pair.server.umbra("peer", "add", pair.server_tunnel, "guest", *options)
        pair.server.umbra("peer", "del", pair.server_tunnel, "guest")

    def run(self) -> None:
        end = time.monotonic() + self.options.seconds
        next_line = next_calm = time.monotonic() + min(MINUTE, self.options.seconds / 3)
        names: list[str] = []
        while time.monotonic() < end:
            if not names:
                # Each in turn, in an order by chance.
                names = [n for n in ACTIONS if not self.options.only or self.options.only in n]
                self.chance.shuffle(names)
            name = names.pop()
            if self.options.verbose:
                print(f"{time.monotonic() - self.record.begun:7.1f} s  {name}", flush=True)
            self.one(name, ACTIONS[name])
            self.watch.sample()
            if time.monotonic() > next_calm:
                next_calm += MINUTE
                self._live_calmly()
            if time.monotonic() > next_line:
                next_line += MINUTE
                print(self._progress(), flush=True)
            time.sleep(min(self.chance.uniform(0.2, 2.0), max(0.0, end - time.monotonic())))

    def _progress(self) -> str:
        times = [t for kind in self.record.times.values() for t in kind]
        net = self.watch.lives.get("calm server net", [Life(0)])[-1]
        pss = net.samples[-1].pss if net.samples else 0
        return (
            f"{(time.monotonic() - self.record.begun) / 60:5.1f} min  {len(times)} actions, "
            f"{self.leaked()} leaked packets, {len(self.record.faults)} faults, "
            f"back in at most {max(times, default=0):.1f} s; calm net {pss} KiB"
        )

    def end(self) -> None:
        """Everything is stopped in order; nothing is left behind."""
        self.load.close()
        for name, node in {**{n.label: n for n in self.world.nodes}, **self.calm}.items():
            if (status := node.stop()) != 0:
                self.record.fault(f"{name} ended with {status}")
        for node in self.world.nodes:
            new = set(folder_of(node)) - self.folders[node.label]
            if new:
                self.record.fault(f"{node.label} left {sorted(new)}")
        if changed := self.load.counts["changed"]:
            self.record.fault(f"{changed} answers were not what was sent")
        if lost := self.calm_probe.lost():
            # Echoes of a namespace where nothing ever happens; a busy machine may be late.
            share = lost / max(1, len(self.calm_probe.sent))
            if share > 0.01:
                self.record.fault(f"calm: {lost} echoes without an answer")
        if not all(watch.complete() for watch in self.leaks):
            self.record.fault("the capture missed packets")
        if self.world.kill_switch and self.leaked():
            self.record.fault(f"{self.leaked()} leaked packets")
        self._judge_lives()

    def _judge_lives(self) -> None:
        for name, lives in self.watch.lives.items():
            if not name.startswith("calm") or len(lives) != 1:
                if name.startswith("calm"):
                    self.record.fault(f"{name} was restarted")
                continue
            before, after = lives[0].descriptors()
            if after > before:
                self.record.fault(f"{name}: {before} descriptors became {after}")
            if self.options.seconds >= JUDGE_MEMORY_SECONDS and lives[0].growth() > GROWTH_LIMIT:
                self.record.fault(f"{name} grows by {lives[0].growth():.0f} KiB an hour")

    # The report

    def results(self) -> dict[str, Any]:
        record = self.record
        return {
            "seed": self.options.seed,
            "seconds": round(time.monotonic() - record.begun),
            "kill_switch": self.world.kill_switch,
            "actions": {
                name: {
                    "count": len(times),
                    "median": round(percentile(times, 0.5), 3),
                    "p99": round(percentile(times, 0.99), 3),
                    "max": round(max(times), 3),
                    "bound": ACTIONS[name].bound,
                    "leaked": record.leaked.get(name, 0),
                }
                for name, times in sorted(record.times.items())
            },
            "leaks": self.leaked(),
            "first_leaks": [line for watch in self.leaks for line in watch.leaks],
            "compared": sum(e.compared for e in self.expected.values()),
            "load": dict(self.load.counts),
            "echoes": {p.address: [len(p.sent), p.lost()] for p in self.probes},
            "processes": {
                name: {
                    "lives": len(lives),
                    "pss_first": lives[-1].samples[0].pss,
                    "pss_last": lives[-1].samples[-1].pss,
                    "growth_kib_per_hour": round(lives[-1].growth(), 1),
                    "descriptors": lives[-1].descriptors(),
                }
                for name, lives in self.watch.lives.items()
            },
            "state_bytes": {n.label: state_size(n) for n in self.world.nodes},
            "faults": record.faults,
        }


def table(results: dict[str, Any]) -> str:
    lines = [
        f"{'action':30} {'count':>5} {'median':>8} {'p99':>8} {'max':>8} {'bound':>7} {'leaked':>7}"
    ]
    for name, row in results["actions"].items():
        lines.append(
            f"{name:30} {row['count']:5} {row['median']:6.2f} s {row['p99']:6.2f} s "
            f"{row['max']:6.2f} s {row['bound']:5.0f} s {row['leaked']:7}"
        )
    lines += [
        "",
        f"{'process':24} {'lives':>5} {'PSS first':>10} {'last':>9} {'KiB/h':>9} {'fds':>9}",
    ]
    for name, row in results["processes"].items():
        before, after = row["descriptors"]
        calm = name.startswith("calm")
        growth = f"{row['growth_kib_per_hour']:9.1f}" if calm else f"{'':9}"
        lines.append(
            f"{name:24} {row['lives']:5} {row['pss_first']:6} KiB {row['pss_last']:5} KiB {growth} "
            f"{before:4} {after:4}"
        )
    load = results["load"]
    asked = sum(load.get(f"{k}{f} asked", 0) for k in ("udp", "dns") for f in (4, 6))
    back = sum(load.get(f"{k}{f} answered", 0) for k in ("udp", "dns") for f in (4, 6))
    streams = sum(load.get(f"tcp{f} bytes", 0) for f in (4, 6))
    ended = sum(load.get(f"tcp{f} ended", 0) for f in (4, 6))
    judged = "" if results["kill_switch"] else " (this build has no kill switch: not judged)"
    lines += [
        "",
        f"leaks: {results['leaks']} packets{judged}",
        f"configuration: compared {results['compared']} times",
        f"load: {streams >> 20} MiB of TCP there and back, {ended} streams ended; "
        f"{back} of {asked} datagrams and questions answered; {load.get('changed', 0)} changed",
        f"state folders: {', '.join(f'{n} {s} bytes' for n, s in results['state_bytes'].items())}",
        f"seed {results['seed']}, {results['seconds']} s, {len(results['faults'])} faults",
    ]
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=None, help="repeats what a run has printed")
    parser.add_argument("--only", help="only actions whose names have this in them")
    parser.add_argument("--verbose", action="store_true", help="tells each action")
    parser.add_argument("--logs", help="folder that gets the daemons' logs at the end")
    made = parser.parse_args()
    if made.seed is None:
        made.seed = random.SystemRandom().randrange(1 << 31)
    return made


def keep_logs(lab: Lab, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in lab.folder.rglob("*.log"):
        (folder / path.name).write_bytes(path.read_bytes())


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    isolate()
    print(f"seed {options.seed}, {options.seconds:.0f} s", flush=True)
    lab = Lab()
    soak = None
    try:
        soak = Soak(lab, options)
        soak.start()
        try:
            soak.run()
        except TimeoutError as error:
            soak.record.fault(str(error))
        soak.end()
        results = soak.results()
    finally:
        if options.logs or (soak and soak.record.faults):
            keep_logs(lab, pathlib.Path(options.logs or REPOSITORY / "build" / "soak" / "logs"))
        try:
            lab.close()
        except AssertionError as error:
            # A sanitizer's report, or a daemon that did not end well.
            print(f"FAULT {error}", flush=True)
            if soak:
                soak.record.faults.append(str(error))
        remove_leftovers()
    folder = REPOSITORY / "build" / "soak"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{options.seed}-{int(time.time())}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{table(results)}\n({path})", flush=True)
    return 1 if results["faults"] else 0
