#include "ctl/view_pushed.h"

#include <stdlib.h>

#define MEMBER "pushed"

void view_pushed_free(struct view_pushed *pushed) {
	if (!pushed)
		return;
	free(pushed->addresses);
	free(pushed->routes);
	free(pushed->dns);
	free(pushed->search);
	free(pushed);
}

void view_pushed_put(struct view_writer *writer, const struct view_pushed *pushed) {
	if (!pushed) {
		view_put(writer, MEMBER, json_null());
		return;
	}
	struct view_writer inner = view_writer_new();
	view_put_prefixes(&inner, "addresses", pushed->addresses, pushed->address_count);
	view_put_prefixes(&inner, "routes", pushed->routes, pushed->route_count);
	view_put_addresses(&inner, "dns", pushed->dns, pushed->dns_count);
	view_put_lines(&inner, "search", pushed->search);
	view_put_number_or_null(&inner, "mtu", pushed->mtu);
	view_put_object(writer, MEMBER, &inner);
}

/* Daemons of before have none. */
struct view_pushed *view_pushed_get(struct view_reader *reader) {
	const json_t *object = reader->error ? NULL : json_object_get(reader->object, MEMBER);
	if (!object || json_is_null(object))
		return NULL;
	struct view_pushed *pushed = calloc(1, sizeof *pushed);
	if (!pushed) {
		reader->error = ERR_NO_MEMORY;
		return NULL;
	}
	struct view_reader inner = view_reader_of(object);
	pushed->addresses = view_get_prefixes(&inner, "addresses", false, &pushed->address_count);
	pushed->routes = view_get_prefixes(&inner, "routes", true, &pushed->route_count);
	pushed->dns = view_get_addresses(&inner, "dns", &pushed->dns_count);
	pushed->search = view_get_lines(&inner, "search", VIEW_TEXT_MAX, "a list of domain names");
	pushed->mtu = (uint16_t)view_get_number(&inner, "mtu", UINT16_MAX);
	if (!inner.error)
		return pushed;
	reader->error = inner.error;
	view_pushed_free(pushed);
	return NULL;
}
