#include "host/network_others.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/route.h"
#include "host/route_message.h"

static enum err list(struct route *route, const char *name, struct prefix **out_addresses,
					 size_t *out_count) {
	struct route_link link;
	auto_free struct prefix *v4 = NULL, *v6 = NULL;
	size_t v4_count, v6_count;
	int number = 0;
	enum err error = route_link_get(route, name, 0, &link, &number);
	if (!error && number)
		error = err_from_errno(number);
	if (!error)
		error = route_list_other_addresses(route, ADDRESS_V4, link.index, &v4, &v4_count);
	if (!error)
		error = route_list_other_addresses(route, ADDRESS_V6, link.index, &v6, &v6_count);
	if (error)
		return error;
	struct prefix *all = reallocarray(v4, v4_count + v6_count + 1, sizeof *all);
	if (!all)
		return ERR_NO_MEMORY;
	v4 = NULL;
	memcpy(all + v4_count, v6, v6_count * sizeof *all);
	*out_addresses = all;
	*out_count = v4_count + v6_count;
	return ERR_OK;
}

enum err network_others(const char *name, struct prefix **out_addresses, size_t *out_count) {
	struct route *route = NULL;
	enum err error = route_open(&route);
	if (!error)
		error = list(route, name, out_addresses, out_count);
	route_close(route);
	return error;
}
