"""How an address, a port or a name may be spelled in a text that must not have it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable


def spellings(address: str) -> set[str]:
    """An IP address as people, programs, dumps and the DNS write it."""
    read = ipaddress.ip_address(address)
    wire = read.packed
    swapped = wire[::-1]
    found = {str(read), read.exploded, read.reverse_pointer}
    for data in (wire, swapped):
        number = int.from_bytes(data, "big")
        found |= {str(number), f"{number:x}", data.hex()}
        found |= {data.hex(separator, size) for separator in ":- ." for size in (1, 2)}
        found |= {" ".join(f"0x{byte:02x}" for byte in data)}
        found |= {", ".join(map(str, data)), ",".join(map(str, data)), "-".join(map(str, data))}
    if read.version == 6:
        found |= {":".join(f"{int.from_bytes(wire[i : i + 2], 'big'):x}" for i in range(0, 16, 2))}
    else:
        found |= {f"::ffff:{read}", str(ipaddress.IPv6Address(f"::ffff:{read}"))}
    return found


def _alone(text: str) -> str:
    """A pattern of the text where it is no part of a longer word or number."""
    return rf"(?<![0-9A-Za-z]){re.escape(text)}(?![0-9A-Za-z])"


class Private:
    """Everything that a log may not have, as one search."""

    def __init__(
        self, addresses: Iterable[str] = (), ports: Iterable[int] = (), names: Iterable[str] = ()
    ) -> None:
        patterns: dict[str, str] = {}
        for address in addresses:
            for text in spellings(address):
                patterns[rf"(?:0[xX])?{text}" if text.isalnum() else re.escape(text)] = address
        numbers = {text for port in ports for text in (f"{port}", f"0x{port:04x}")}
        words = [rf"(?<![0-9A-Za-z]){pattern}(?![0-9A-Za-z])" for pattern in patterns]
        words += [_alone(number) for number in numbers]
        # Each label of a name below the top level says it all; case is nothing.
        words += [re.escape(label) for name in names for label in name.split(".")[:-1]]
        self._search = re.compile("|".join(words), re.IGNORECASE)

    def lines(self, text: str) -> list[str]:
        """The lines that have something of it."""
        return [line for line in text.splitlines() if self._search.search(line)]
