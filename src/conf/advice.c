#include "conf/advice.h"

#include <stdio.h>

static bool has_default(const struct config_prefixes *prefixes, enum address_family family) {
	for (size_t i = 0; i < prefixes->count; i++)
		if (prefixes->items[i].length == 0 && prefixes->items[i].address.family == family)
			return true;
	return false;
}

static bool takes_default(const struct config_tunnel *tunnel, enum address_family family) {
	if (!tunnel->routes.table.automatic)
		return false;
	if (!tunnel->routes.from_peers)
		return has_default(&tunnel->routes.include, family);
	for (size_t i = 0; i < tunnel->peer_count; i++)
		if (has_default(&tunnel->peers[i].allowed_ips, family))
			return true;
	return false;
}

bool advice_of(const struct config_tunnel *tunnel, char out_text[static ADVICE_SIZE]) {
	bool v4 = takes_default(tunnel, ADDRESS_V4), v6 = takes_default(tunnel, ADDRESS_V6);
	if (v4 == v6)
		return false;
	bool blocks = tunnel->kill_switch_absent || tunnel->kill_switch;
	(void)snprintf(out_text, ADVICE_SIZE, "%s %s: %s is routed into it, but not %s",
				   v4 ? "IPv6" : "IPv4", blocks ? "is blocked by its kill switch" : "goes past it",
				   v4 ? "0.0.0.0/0" : "::/0", v4 ? "::/0" : "0.0.0.0/0");
	return true;
}
