"""Umbra beside other VPNs, measured in the same run. bench/run is the entry."""
