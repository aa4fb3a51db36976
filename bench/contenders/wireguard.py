"""Programs that make one interface and are configured by wg(8)."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from bench.contenders.contender import Contender
from bench.lab import INNER_MTU, UAPI, Pair
from bench.process import run, wait_until

PORT = 51820


class WgInterface(Contender):
    """Interfaces carry the pair's name, as their sockets share a folder."""

    environment: dict[str, str] = {}

    def command(self, interface: str) -> list[str]:
        raise NotImplementedError

    def start(self, pair: Pair) -> None:
        # At most 15 characters, and all pairs of the lab differ in them.
        names = [f"{self.name[:5]}{self.name[-4:]}{pair.kind[0]}{end.number}" for end in pair.ends]
        for end, name in zip(pair.ends, names):
            environment = {"LOG_LEVEL": "error", **self.environment}
            process = end.spawn_vpn(*self.command(name), environment=environment)
            end.lab.defer(lambda path=UAPI / f"{name}.sock": path.unlink(missing_ok=True))

            def listens(process=process, name=name) -> bool:
                process.check()
                return (UAPI / f"{name}.sock").exists()

            wait_until(listens, 10, f"{self.name}: its socket")
        private = [run(["wg", "genkey"]) for _ in names]
        public = [run(["wg", "pubkey"], input=key).strip() for key in private]
        for index, (end, name) in enumerate(zip(pair.ends, names)):
            other = pair.ends[1 - index]
            key = end.folder / "key"
            key.touch(mode=0o600)
            key.write_text(private[index])
            end.run(
                *("wg", "set", name, "private-key", str(key), "listen-port", str(PORT)),
                *("peer", public[1 - index], "allowed-ips", f"{other.inner}/32"),
                *("endpoint", f"{other.outer}:{PORT}"),
            )
            end.ip(
                f"address add {end.inner}/24 dev {name}",
                f"link set {name} mtu {INNER_MTU}",
                f"link set {name} up",
            )


class Umbra(WgInterface):
    def __init__(
        self, name: str, programs: pathlib.Path, aead: str, options: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.label = "Umbra" if aead == "auto" else f"Umbra, {aead}"
        self.aead = aead
        self.options = list(options)
        self.program = str(programs / "umbra-wg")
        self.programs = (self.program, "wg")

    def missing(self) -> str | None:
        if not os.access(self.program, os.X_OK):
            return self.program
        return super().missing()

    def version(self) -> str:
        return run([self.program, "--version"]).strip().splitlines()[0]

    def command(self, interface: str) -> list[str]:
        return [self.program, "-f", f"--aead={self.aead}", *self.options, interface]


class WireguardGo(WgInterface):
    name = "wireguard-go"
    label = "wireguard-go"
    programs = ("wireguard-go", "wg")
    package = "wireguard-go"
    environment = {"WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD": "1"}

    def command(self, interface: str) -> list[str]:
        return ["wireguard-go", "-f", interface]
