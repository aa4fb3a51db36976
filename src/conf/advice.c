#include "conf/advice.h"

#include <stdio.h>
#include <string.h>

#include "crypto/certificate.h"
#include "crypto/revocation.h"

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

static bool of_families(const struct config_tunnel *tunnel, char out_text[static ADVICE_SIZE]) {
	bool v4 = takes_default(tunnel, ADDRESS_V4), v6 = takes_default(tunnel, ADDRESS_V6);
	if (v4 == v6)
		return false;
	bool blocks = tunnel->kill_switch_absent || tunnel->kill_switch;
	(void)snprintf(out_text, ADVICE_SIZE, "%s %s: %s is routed into it, but not %s",
				   v4 ? "IPv6" : "IPv4", blocks ? "is blocked by its kill switch" : "goes past it",
				   v4 ? "0.0.0.0/0" : "::/0", v4 ? "::/0" : "0.0.0.0/0");
	return true;
}

static bool of_revocation(const struct config_tunnel *tunnel, char out_text[static ADVICE_SIZE]) {
	const struct config_texts *demands = &tunnel->login.demands;
	bool demanded = false;
	for (size_t i = 0; i < demands->count; i++)
		demanded |= strcmp(demands->items[i], "certificate") == 0;
	if (!tunnel->logs_in || tunnel->role != CONFIG_SERVER || !demanded || tunnel->login.crl_file)
		return false;
	(void)snprintf(out_text, ADVICE_SIZE,
				   "revoked certificates of users are taken: auth.crl_file has the list of them");
	return true;
}

enum { HOUR = 60 * 60, DAY = 24 * HOUR };

static bool of_age(const struct config_tunnel *tunnel, int64_t now,
				   char out_text[static ADVICE_SIZE]) {
	enum { WARNED_DAYS = 30 };
	const char *pem = tunnel->login.certificates;
	struct certificate_facts facts;
	if (!tunnel->logs_in || !pem || certificate_read(slice_of_text(pem), &facts))
		return false;
	const int64_t left = facts.valid_until - now;
	if (facts.valid_from > now)
		(void)snprintf(out_text, ADVICE_SIZE,
					   "its certificate is not valid yet: is this host's clock wrong?");
	else if (left < 0)
		(void)snprintf(out_text, ADVICE_SIZE, "its certificate has expired; 'umbra ca issue'");
	else if (left < (int64_t)WARNED_DAYS * DAY)
		(void)snprintf(out_text, ADVICE_SIZE, "its certificate expires in %lld day%s",
					   (long long)(left / DAY), left / DAY == 1 ? "" : "s");
	else
		return false;
	return true;
}

/* Lists of others are often made anew each day or week: no sooner than a day before. */
static bool of_lists(const struct config_tunnel *tunnel, int64_t now,
					 char out_text[static ADVICE_SIZE]) {
	const char *pem = tunnel->login.revoked;
	struct revocation_times times;
	if (!tunnel->logs_in || !pem || revocation_read(slice_of_text(pem), &times))
		return false;
	const char *problem = revocation_problem(&times, now);
	const int64_t left = times.until - now;
	if (!problem && left >= DAY)
		return false;
	if (problem)
		(void)snprintf(out_text, ADVICE_SIZE, "%s", problem);
	else
		(void)snprintf(out_text, ADVICE_SIZE,
					   "its list of revoked certificates is out of date in %lld hour%s",
					   (long long)(left / HOUR), left / HOUR == 1 ? "" : "s");
	return true;
}

size_t advice_of_time(const struct config_tunnel *tunnel, int64_t now,
					  char out_texts[static ADVICE_MAX][ADVICE_SIZE]) {
	size_t count = 0;
	count += of_age(tunnel, now, out_texts[count]);
	count += of_lists(tunnel, now, out_texts[count]);
	return count;
}

size_t advice_of(const struct config_tunnel *tunnel, int64_t now,
				 char out_texts[static ADVICE_MAX][ADVICE_SIZE]) {
	size_t count = 0;
	count += of_families(tunnel, out_texts[count]);
	count += of_revocation(tunnel, out_texts[count]);
	count += of_age(tunnel, now, out_texts[count]);
	count += of_lists(tunnel, now, out_texts[count]);
	return count;
}
