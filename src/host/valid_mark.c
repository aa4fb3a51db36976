#include "host/valid_mark.h"

#include <stddef.h>

#include "host/block.h"
#include "host/network_rules.h"
#include "host/route.h"

static const char owner[] = "network";

enum err valid_mark_hold(const char *state_dir, char out_problem[static SYSCTL_PROBLEM_SIZE]) {
	static const struct sysctl_wish wish = {.key = "net/ipv4/conf/all/src_valid_mark", .value = 1};
	return sysctl_hold(state_dir, owner, &wish, 1, out_problem);
}

static enum err is_needed(bool *out_needed) {
	struct route *route = NULL;
	bool taken = false, blocked = false;
	enum err error = route_open(&route);
	if (!error)
		error = network_rules_take_v4(route, &taken);
	route_close(route);
	if (!error)
		error = block_exists(&blocked);
	if (!error)
		*out_needed = taken || blocked;
	return error;
}

enum err valid_mark_release(const char *state_dir) {
	bool needed;
	char problem[SYSCTL_PROBLEM_SIZE];
	enum err error = is_needed(&needed);
	if (error || needed)
		return error;
	return sysctl_hold(state_dir, owner, NULL, 0, problem);
}
