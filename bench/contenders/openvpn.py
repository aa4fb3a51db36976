"""OpenVPN between two hosts: TLS, AES-256-GCM, over UDP, with its data path in user space."""

from __future__ import annotations

import pathlib

from bench.contenders.contender import Contender, wait_for_port
from bench.lab import INNER_MTU, INNER_NETWORK, End, Pair
from bench.process import run

PORT = 1194
USER, PASSWORD = "client", "hardly a secret"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


class OpenVpn(Contender):
    """Certificates at both ends, which are of equal rank."""

    name = "openvpn"
    label = "OpenVPN, AES-256-GCM"
    programs = ("openvpn", "openssl")
    package = "openvpn"

    def start(self, pair: Pair) -> None:
        authority = make_authority(pair.server.folder)
        for end, other in (pair.ends, pair.ends[::-1]):
            key, certificate = make_certificate(end, authority)
            role = "server" if end is pair.server else "client"
            self.spawn(
                end,
                *("--remote", other.outer, str(PORT), "--ifconfig", end.inner, other.inner),
                *(f"--tls-{role}", "--ca", f"{authority}.crt", "--cert", certificate),
                *("--key", key, *(("--dh", "none") if role == "server" else ())),
                *("--connect-retry", "1", "2"),
            )

    def spawn(self, end: End, *more: str) -> None:
        end.spawn_vpn(
            *("openvpn", "--dev", "ovpn", "--dev-type", "tun", "--proto", "udp4"),
            *("--local", end.outer, "--port", str(PORT)),
            *("--data-ciphers", "AES-256-GCM", "--cipher", "AES-256-GCM", "--disable-dco"),
            *("--tun-mtu", str(INNER_MTU), "--mssfix", "0", "--txqueuelen", "1000"),
            # The two options that its manual names for speed.
            *("--fast-io", "--sndbuf", "0", "--rcvbuf", "0"),
            *("--verb", "1", *more),
        )
        wait_for_port(end, "udp", PORT)


class OpenVpnPassword(OpenVpn):
    """A server whose clients have a name and a password, and no certificate."""

    name = "openvpn-password"
    label = "OpenVPN, passwords"

    def start(self, pair: Pair) -> None:
        authority = make_authority(pair.server.folder)
        key, certificate = make_certificate(pair.server, authority)
        # It hands over a file with name and password, a line each.
        judge = pair.server.write("judge", f'#!/bin/sh\n[ "$(cat "$1")" = "{USER}\n{PASSWORD}" ]\n')
        judge.chmod(0o700)
        self.spawn(
            pair.server,
            *("--server", f"{INNER_NETWORK}0", "255.255.255.0", "--topology", "subnet"),
            *("--ca", f"{authority}.crt", "--cert", certificate, "--key", key, "--dh", "none"),
            *("--verify-client-cert", "none", "--username-as-common-name"),
            *("--script-security", "2", "--auth-user-pass-verify", str(judge), "via-file"),
        )
        login = pair.client.write("login", f"{USER}\n{PASSWORD}\n")
        self.spawn(
            pair.client,
            *("--remote", pair.server.outer, str(PORT), "--client", "--ca", f"{authority}.crt"),
            *("--auth-user-pass", str(login), "--connect-retry", "1", "2"),
        )


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
