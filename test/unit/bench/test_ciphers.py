"""The table of the ciphers' times."""

from __future__ import annotations

import json
import unittest

from bench import ciphers

LINES = [
    "ChaCha20-Poly1305 ipsec-mb seal 1420 539",
    "ChaCha20-Poly1305 ipsec-mb open 1420 540",
    "ChaCha20-Poly1305 ipsec-mb seal 64 155",
    "AES-256-GCM openssl seal 64 88",
]


class Ciphers(unittest.TestCase):
    def test_table(self) -> None:
        lines = ciphers.table(ciphers.parse(LINES)).splitlines()
        self.assertTrue(lines[0].endswith("  seal 64 B  seal 1420 B  open 1420 B"))
        self.assertEqual(lines[1].split()[-3:], ["155", "539", "540"])
        self.assertEqual(lines[2].split()[-3:], ["88", "-", "-"])
        self.assertEqual(len({len(line) for line in lines}), 1)

    def test_json(self) -> None:
        rows = json.loads(ciphers.as_json(ciphers.parse(LINES)))
        self.assertEqual(len(rows), len(LINES))
        self.assertIn(
            {"cipher": "AES-256-GCM", "back_end": "openssl", "way": "seal", "bytes": 64, "ns": 88.0},
            rows,
        )

    def test_malformed_lines_are_errors(self) -> None:
        with self.assertRaises(ValueError):
            ciphers.parse(["ChaCha20-Poly1305 seal 64 155"])


if __name__ == "__main__":
    unittest.main()
