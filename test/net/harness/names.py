"""A name server of the lab's own, and a resolv.conf that names it."""

from __future__ import annotations

import ctypes
import pathlib
import shutil

from harness.lab import Lab, Namespace
from harness.process import Process, wait_until

NAME = "vpn.umbra.test"


class NameServer:
    """dnsmasq in a namespace, with addresses that can be changed."""

    def __init__(self, lab: Lab, namespace: Namespace, address: str) -> None:
        self.namespace = namespace
        self.address = address
        self.hosts = lab.folder / "names"
        self.process: Process | None = None

    def serve(self, *addresses: str) -> None:
        self.hosts.write_text("".join(f"{a} {NAME}\n" for a in addresses))
        if self.process:
            self.process.stop()
        program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin") or "dnsmasq"
        self.process = self.namespace.spawn(
            *(program, "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null"),
            *(f"--addn-hosts={self.hosts}", f"--listen-address={self.address}"),
            *("--bind-interfaces", "--local-ttl=1", "--local=/test/", "--user=root", "--log-queries"),
            *("--pid-file=",),
        )
        wait_until(
            lambda: self.address in self.namespace.run("ss", "-Hlnu", "sport = :53").stdout,
            5,
            "the name server",
        )


def resolv_conf(lab: Lab, address: str) -> None:
    """The system's resolver for everything this test starts: resolv.conf is bound over."""
    path = lab.folder / "resolv.conf"
    path.write_text(f"nameserver {address}\noptions timeout:1 attempts:1\n")
    libc = ctypes.CDLL(None, use_errno=True)
    target = str(pathlib.Path("/etc/resolv.conf").resolve()).encode()
    # This process has a mount namespace of its own.
    assert libc.mount(str(path).encode(), target, None, 4096, None) == 0
    lab.defer(lambda: libc.umount2(target, 2))
