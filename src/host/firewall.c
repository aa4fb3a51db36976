#include "host/firewall.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/firewall_nft.h"
#include "host/firewall_table.h"
#include "host/sysctl.h"

_Static_assert((int)SYSCTL_PROBLEM_SIZE <= (int)FIREWALL_PROBLEM_SIZE, "one is handed on");

/* Name of the file with sysctls of before. */
static const char owner[] = "firewall";

static bool needs_rules(const struct firewall_tunnel *tunnel) {
	return tunnel->address_count > 0 || tunnel->forward || tunnel->masquerade ||
		   (tunnel->default_mark && tunnel->mark != 0);
}

static bool forwards(const struct firewall_tunnel *tunnels, size_t count, uint8_t family) {
	for (size_t i = 0; i < count; i++) {
		if (!tunnels[i].forward)
			continue;
		if (tunnels[i].address_count == 0)
			return true;
		for (size_t j = 0; j < tunnels[i].address_count; j++)
			if (tunnels[i].addresses[j].address.family == family)
				return true;
	}
	return false;
}

/* Forwarding sysctls */

struct wishes {
	struct sysctl_wish *items;
	size_t count;
};

static struct sysctl_wish *wish(struct wishes *wishes, const char *key, int32_t value,
								bool optional) {
	struct sysctl_wish *item = &wishes->items[wishes->count++];
	*item = (struct sysctl_wish){.value = value, .optional = optional};
	(void)snprintf(item->key, sizeof item->key, "%s", key);
	return item;
}

static bool is_setting(const struct dirent *entry) {
	static const char *const others[] = {".", "..", "all", "default", "lo"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strcmp(entry->d_name, others[i]) == 0)
			return false;
	return strlen(entry->d_name) < 16;
}

static void wish_advertisements(struct wishes *wishes, size_t room) {
	DIR *folder = opendir("/proc/sys/net/ipv6/conf");
	if (!folder)
		return;
	const struct dirent *entry;
	while (wishes->count < room && (entry = readdir(folder))) {
		if (!is_setting(entry))
			continue;
		char key[SYSCTL_KEY_SIZE];
		(void)snprintf(key, sizeof key, "net/ipv6/conf/%.16s/accept_ra", entry->d_name);
		struct sysctl_wish *item = wish(wishes, key, 2, true);
		item->condition = item->key;
		item->only = 1;
	}
	(void)closedir(folder);
}

/*
 * With forwarding the kernel switches other settings along: v4's sets accept_redirects, which comes
 * back as it was, therefore; v6's drops default routes that came from advertisements, unless
 * accept_ra was 2 before. Hence the order; what was set last is put back first.
 */
static void collect_wishes(const struct firewall_tunnel *tunnels, size_t count,
						   struct wishes *wishes, size_t room) {
	if (forwards(tunnels, count, ADDRESS_V4)) {
		struct sysctl_wish *redirects = wish(wishes, "net/ipv4/conf/all/accept_redirects", 0, true);
		redirects->condition = "net/ipv4/ip_forward";
		redirects->only = 0;
		(void)wish(wishes, "net/ipv4/ip_forward", 1, false);
	}
	if (forwards(tunnels, count, ADDRESS_V6)) {
		wish_advertisements(wishes, room - 1);
		/* There may be no IPv6 here. */
		(void)wish(wishes, "net/ipv6/conf/all/forwarding", 1, true);
	}
}

static enum err hold_forwarding(const struct firewall_tunnel *tunnels, size_t count,
								const char *state_dir,
								char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	struct wishes wishes = {.items = calloc(SYSCTL_RECORDS_MAX, sizeof *wishes.items)};
	if (!wishes.items) {
		(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	collect_wishes(tunnels, count, &wishes, SYSCTL_RECORDS_MAX);
	enum err error = sysctl_hold(state_dir, owner, wishes.items, wishes.count, out_problem);
	free(wishes.items);
	return error;
}

/* Table */

static enum err remove_table(char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	enum err error = firewall_table_remove("umbra");
	if (error)
		(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "table inet umbra: %s", err_text(error));
	return error;
}

static enum err replace_table(const struct firewall_tunnel *tunnels, size_t count,
							  char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	auto_free char *text = NULL;
	size_t size = 0;
	bool needed = false;
	for (size_t i = 0; i < count; i++)
		needed |= needs_rules(&tunnels[i]);
	if (!needed)
		return remove_table(out_problem);
	enum err error = firewall_nft_find(out_problem);
	if (error)
		return error;
	error = firewall_format(tunnels, count, &text, &size);
	if (error) {
		(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "rules: %s", err_text(error));
		return error;
	}
	return firewall_nft_run(text, size, out_problem);
}

enum err firewall_apply(const struct firewall_tunnel *tunnels, size_t count, const char *state_dir,
						char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	/* The rules first: nothing passes that they would hide or drop. */
	enum err error = replace_table(tunnels, count, out_problem);
	return error ? error : hold_forwarding(tunnels, count, state_dir, out_problem);
}

enum err firewall_clean(const char *state_dir, char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	enum err sysctls = sysctl_hold(state_dir, owner, NULL, 0, out_problem);
	enum err table = remove_table(out_problem);
	return table ? table : sysctls;
}
