#include "host/split.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "host/firewall.h"
#include "host/firewall_nft.h"
#include "host/firewall_table.h"

#define TABLE "umbra_split"

_Static_assert((int)SPLIT_PROBLEM_SIZE == (int)FIREWALL_PROBLEM_SIZE, "nft's is handed on");

static struct split kinds_of(const struct split_request *request) {
	struct split split = {.table = request->applications};
	for (size_t i = 0; i < request->count; i++) {
		const struct split_tunnel *tunnel = &request->tunnels[i];
		if (tunnel->slot >= SPLIT_SLOTS_MAX)
			continue;
		split.kinds[tunnel->slot] = (uint8_t)((tunnel->include ? 1 << SPLIT_INCLUDE : 0) |
											  (tunnel->exclude ? 1 << SPLIT_EXCLUDE : 0));
		split.table |= tunnel->include || tunnel->exclude;
	}
	return split;
}

enum err split_apply(struct split *split, const struct split_request *request,
					 char out_problem[static SPLIT_PROBLEM_SIZE]) {
	struct split after = kinds_of(request);
	auto_free char *text = NULL;
	size_t size = 0;
	enum err error = ERR_OK;
	if (!after.table && !split->table)
		return ERR_OK;
	if (!after.table) {
		error = firewall_table_remove(TABLE);
		if (error)
			(void)snprintf(out_problem, SPLIT_PROBLEM_SIZE, "table inet %s: %s", TABLE,
						   err_text(error));
	} else {
		error = split_format(split, request, &text, &size);
		if (error)
			(void)snprintf(out_problem, SPLIT_PROBLEM_SIZE, "rules: %s", err_text(error));
		else
			error = firewall_nft_run(text, size, out_problem);
	}
	if (error)
		return error;
	after.link = split->link;
	*split = after;
	return ERR_OK;
}

void split_done(struct split *split) {
	nft_link_done(&split->link);
}

enum err split_clean(void) {
	return firewall_table_remove(TABLE);
}
