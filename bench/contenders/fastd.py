"""fastd between two hosts, with the method that it recommends.

AES-128 in GCM or CTR, and GMAC instead of UMAC, were no faster: a system call a packet costs more.
"""

from __future__ import annotations

from bench.contenders.contender import Contender, wait_for_port
from bench.lab import INNER_MTU, Pair
from bench.process import run

PORT = 10000
METHOD = "salsa2012+umac"


class Fastd(Contender):
    name = "fastd"
    label = f"fastd, {METHOD}"
    programs = ("fastd",)
    package = "fastd"

    def start(self, pair: Pair) -> None:
        secret, public = [], []
        for end in pair.ends:
            key = run(["fastd", "--machine-readable", "--generate-key"]).strip()
            file = end.folder / "key.conf"
            file.write_text(f'secret "{key}";\n')
            secret.append(file)
            show = ["fastd", "--machine-readable", "--show-key", "--config", str(file)]
            public.append(run(show).strip())
        for index, end in enumerate(pair.ends):
            other = pair.ends[1 - index]
            # Only the client begins: two handshakes at once hinder each other.
            remote = f"remote {other.outer}:{PORT};" if end is pair.client else ""
            file = end.folder / "fastd.conf"
            file.write_text(
                f'log level warn;\nmode tun;\ninterface "fastd0";\nmtu {INNER_MTU};\n'
                f'method "{METHOD}";\nbind {end.outer}:{PORT};\n'
                f'include "{secret[index]}";\n'
                f'peer "other" {{ key "{public[1 - index]}"; {remote} }}\n'
                f'on up "ip address add {end.inner}/24 dev fastd0; ip link set fastd0 up";\n'
            )
            end.spawn_vpn("fastd", "--config", str(file))
            wait_for_port(end, "udp", PORT)
