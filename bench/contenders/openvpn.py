"""OpenVPN between two hosts: TLS, AES-256-GCM, over UDP, with its data path in user space."""

from __future__ import annotations

import pathlib

from bench.contenders.contender import Contender, wait_for_port
from bench.lab import INNER_MTU, End, Pair
from bench.process import run

PORT = 1194
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


class OpenVpn(Contender):
    name = "openvpn"
    label = "OpenVPN, AES-256-GCM"
    programs = ("openvpn", "openssl")
    package = "openvpn"

    def start(self, pair: Pair) -> None:
        authority = make_authority(pair.server.folder)
        for end, other in (pair.ends, pair.ends[::-1]):
            key, certificate = make_certificate(end, authority)
            role = "server" if end is pair.server else "client"
            end.spawn_vpn(
                *("openvpn", "--dev", "ovpn", "--dev-type", "tun", "--proto", "udp4"),
                *("--local", end.outer, "--port", str(PORT)),
                *("--remote", other.outer, str(PORT), "--ifconfig", end.inner, other.inner),
                *(f"--tls-{role}", "--ca", f"{authority}.crt", "--cert", certificate),
                *("--key", key, *(("--dh", "none") if role == "server" else ())),
                *("--data-ciphers", "AES-256-GCM", "--cipher", "AES-256-GCM", "--disable-dco"),
                *("--tun-mtu", str(INNER_MTU), "--mssfix", "0", "--txqueuelen", "1000"),
                # The two options that its manual names for speed.
                *("--fast-io", "--sndbuf", "0", "--rcvbuf", "0"),
                *("--verb", "1", "--connect-retry", "1", "2"),
            )
            wait_for_port(end, "udp", PORT)


def make_authority(folder: pathlib.Path) -> pathlib.Path:
    """The path of its key and certificate, without .key and .crt."""
    path = folder / "authority"
    request(path, "bench", "-addext", "basicConstraints=critical,CA:TRUE")
    return path


def make_certificate(end: End, authority: pathlib.Path) -> tuple[str, str]:
    path = end.folder / "openvpn"
    request(path, end.name, "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key")
    return f"{path}.key", f"{path}.crt"


def request(path: pathlib.Path, subject: str, *more: str) -> None:
    files = ("-keyout", f"{path}.key", "-out", f"{path}.crt")
    run(["openssl", "req", "-x509", *KEY, "-subj", f"/CN={subject}", *files, *more])
