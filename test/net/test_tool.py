"""The `umbra` tool: keys as wg(8) makes them, and clear errors."""

from __future__ import annotations

import base64
import re
import subprocess

import pytest

from harness.device import BIN
from harness.process import run

pytestmark = [pytest.mark.umbra, pytest.mark.calm]


def umbra(
    *arguments: str, input: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    return run([str(BIN / "umbra"), *arguments], input=input, check=check)


def one_clear_line(result: subprocess.CompletedProcess[str]) -> str:
    """A failure with nothing on standard output and exactly one line on standard error."""
    assert result.returncode != 0
    assert result.stdout == ""
    assert re.fullmatch(r"[^\n]{10,200}\n", result.stderr), result.stderr
    return result.stderr


@pytest.mark.parametrize("verb", ["genkey", "genpsk"])
def test_generated_keys(verb: str) -> None:
    """A key is 32 bytes in base64 and a line feed, clamped if private, and never the same."""
    keys = {umbra(verb).stdout for _ in range(8)}
    assert len(keys) == 8
    for key in keys:
        assert re.fullmatch(r"[A-Za-z0-9+/]{43}=\n", key)
        raw = base64.b64decode(key)
        assert len(raw) == 32
        if verb == "genkey":
            assert (raw[0] & 7, raw[31] & 0xC0) == (0, 0x40)
    if verb == "genpsk":
        assert any(base64.b64decode(key)[0] & 7 for key in keys), "a preshared key is not clamped"


@pytest.mark.parametrize("maker", [["wg", "genkey"], [str(BIN / "umbra"), "genkey"]])
def test_public_keys(maker: list[str]) -> None:
    """`umbra pubkey` says what `wg pubkey` says, whoever made the private key."""
    for _ in range(8):
        private = run(maker).stdout
        expected = run(["wg", "pubkey"], input=private).stdout
        assert umbra("pubkey", input=private).stdout == expected
        assert umbra("pubkey", input=private.strip()).stdout == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "nonsense\n",
        "A" * 43 + "\n",
        "A" * 44 + "\n",
        "A" * 42 + "B=\n",
        "A" * 100 + "\n",
        base64.b64encode(bytes(31)).decode() + "\n",
        base64.b64encode(bytes(33)).decode() + "\n",
        base64.b64encode(bytes(32)).decode() + "x\n",
    ],
)
def test_wrong_private_key(text: str) -> None:
    """A wrong key on standard input is one clear line, and it does not repeat the key."""
    said = one_clear_line(umbra("pubkey", input=text, check=False))
    assert "key" in said
    assert len(text) < 10 or text.strip() not in said


def test_usage() -> None:
    """Help goes to standard output; a wrong word is one line that names it."""
    for arguments in (["--help"], ["help"], *([verb, "--help"] for verb in ("genkey", "pubkey"))):
        result = umbra(*arguments)
        assert result.stdout and not result.stderr
    for verb in ("genkey", "pubkey", "genpsk", "version"):
        assert verb in umbra("--help").stdout
    assert re.search(r"\d+\.\d+", umbra("version").stdout)
    assert "nosuchverb" in one_clear_line(umbra("nosuchverb", check=False))
    assert umbra(check=False).returncode != 0
    for verb in ("genkey", "genpsk", "version"):
        assert f"{verb}: " in one_clear_line(umbra(verb, "extra", check=False))


def test_full_disk() -> None:
    """A key that could not be written is a failure."""
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [str(BIN / "umbra"), "genkey"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode != 0 and result.stderr.count("\n") == 1
