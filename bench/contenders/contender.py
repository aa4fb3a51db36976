"""What every contender offers."""

from __future__ import annotations

import shutil

from bench.lab import End, Pair
from bench.process import Failure, run, wait_until

# The first packets wait for key exchanges.
READY_SECONDS = 20


def wait_for_port(end: End, kind: str, port: int) -> None:
    """Until something at this end listens. Who asks too early asks again only much later."""

    def listens() -> bool:
        end.check()
        return bool(end.run("ss", "-Hln", f"--{kind}", f"sport = :{port}"))

    wait_until(listens, 10, f"{kind} port {port} of {end.name}")


class Contender:
    """One implementation, configured in one way, run at both ends."""

    name: str  # as in ONLY
    label: str  # as in the report
    programs: tuple[str, ...] = ()  # without one of these it is skipped
    package: str | None = None  # Debian's, whose version is reported

    def missing(self) -> str | None:
        """The first program that is not there."""
        return next((name for name in self.programs if not shutil.which(name)), None)

    def version(self) -> str:
        if not self.package:
            return ""
        try:
            return run(["dpkg-query", "-W", "-f", "${Version}", self.package])
        except Failure:
            return ""

    def start(self, pair: Pair) -> None:
        """Makes the tunnel: processes by End.spawn_vpn, and an interface with the inner address."""
        raise NotImplementedError

    def target(self, pair: Pair) -> str:
        """The address of the server that the load goes to."""
        return pair.server.inner

    def wait_until_ready(self, pair: Pair) -> None:
        def answers() -> bool:
            pair.check()
            try:
                pair.client.run("ping", "-n", "-c", "1", "-W", "1", self.target(pair))
            except Failure:
                return False
            return True

        wait_until(answers, READY_SECONDS, f"{self.name}: an answer through the tunnel")
