"""TCP streams through proxies that hide what they carry: Umbra's, and others beside them."""
