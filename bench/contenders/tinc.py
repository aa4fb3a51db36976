"""tinc 1.0 between two hosts, with the cipher and digest that are its defaults."""

from __future__ import annotations

from bench.contenders.contender import Contender, wait_for_port
from bench.lab import INNER_MTU, Pair
from bench.process import run

PORT = 655
CIPHER, DIGEST = "aes-256-cbc", "sha256"


class Tinc(Contender):
    name = "tinc"
    label = "tinc, AES-256-CBC, SHA-256"
    programs = ("tincd",)
    package = "tinc"

    def start(self, pair: Pair) -> None:
        names = {1: "server", 2: "client"}
        described: dict[int, str] = {}
        for end in pair.ends:
            other = names[3 - end.number]
            (end.folder / "hosts").mkdir()
            (end.folder / "tinc.conf").write_text(
                f"Name = {names[end.number]}\nMode = router\nDeviceType = tun\n"
                f"Interface = tinc0\nAddressFamily = ipv4\nBindToAddress = {end.outer}\n"
                + (f"ConnectTo = {other}\n" if end is pair.client else "")
            )
            # The size is known here, so it need not be found out during the measurement.
            host = end.folder / "hosts" / names[end.number]
            host.write_text(
                f"Address = {end.outer}\nSubnet = {end.inner}/32\n"
                f"Cipher = {CIPHER}\nDigest = {DIGEST}\nPMTU = {INNER_MTU}\nPMTUDiscovery = no\n"
            )
            run(["tincd", "-c", str(end.folder), "-K2048"], input="\n\n")
            described[end.number] = host.read_text()
            up = end.folder / "tinc-up"
            up.write_text(
                "#!/bin/sh\nip link set tinc0 mtu "
                f"{INNER_MTU} up\nip address add {end.inner}/24 dev tinc0\n"
            )
            up.chmod(0o700)
        for end in pair.ends:
            other = 3 - end.number
            (end.folder / "hosts" / names[other]).write_text(described[other])
            pid = end.folder / "pid"
            end.spawn_vpn("tincd", "-c", str(end.folder), "-D", f"--pidfile={pid}")
            wait_for_port(end, "tcp", PORT)
