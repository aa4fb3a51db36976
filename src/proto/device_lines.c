#include "proto/device_lines.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"

int device_lines_errno(enum err error) {
	switch (error) {
	case ERR_OK:
		return 0;
	case ERR_NO_MEMORY:
		return ENOMEM;
	case ERR_EXISTS:
		return EEXIST;
	default:
		return EINVAL;
	}
}

bool device_lines_of_peers(struct slice text) {
	struct uapi_entry entry;
	WIPE_ON_EXIT(entry);
	struct slice line;
	while (uapi_next_line(&text, &line))
		if (uapi_parse_line((const char *)line.data, line.size, &entry) == ERR_OK &&
			entry.key < UAPI_PUBLIC_KEY)
			return false;
	return true;
}

/* The place of one more, or NULL. */
#define NEXT(array, count) ((count) < sizeof(array) / sizeof(array)[0] ? &(array)[(count)++] : NULL)

int device_lines_push(struct interface_settings *tells, const struct uapi_entry *line) {
	struct prefix *route;
	struct address *server;
	char(*domain)[DNS_NAME_TEXT_MAX + 1];
	switch (line->key) {
	case UAPI_PUSH_ROUTE:
		route = NEXT(tells->routes, tells->route_count);
		if (!route)
			return ENOSPC;
		*route = line->prefix;
		break;
	case UAPI_PUSH_DNS:
		server = NEXT(tells->servers, tells->server_count);
		if (!server)
			return ENOSPC;
		*server = line->address;
		break;
	case UAPI_PUSH_DOMAIN:
		if (strlen(line->text) > DNS_NAME_TEXT_MAX)
			return EINVAL;
		domain = NEXT(tells->domains, tells->domain_count);
		if (!domain)
			return ENOSPC;
		memcpy(*domain, line->text, strlen(line->text) + 1);
		break;
	default:
		tells->mtu = (uint16_t)line->number;
	}
	return interface_settings_are_valid(tells) ? 0 : EINVAL;
}

void device_lines_put_push(const struct interface_settings *tells, struct uapi_text *out_text) {
	for (size_t i = 0; i < tells->route_count; i++)
		uapi_put_prefix(out_text, "push_route", &tells->routes[i]);
	for (size_t i = 0; i < tells->server_count; i++) {
		char text[ADDRESS_TEXT_SIZE];
		address_format(&tells->servers[i], text);
		uapi_put_text(out_text, "push_dns", text);
	}
	for (size_t i = 0; i < tells->domain_count; i++)
		uapi_put_text(out_text, "push_domain", tells->domains[i]);
	if (tells->mtu > 0)
		uapi_put_number(out_text, "push_mtu", tells->mtu);
}

void device_lines_put_figures(const struct peer *peer, struct uapi_text *out_text) {
	const struct peer_published *published = &peer->published;
	struct endpoint endpoint;
	uint32_t sequence;
	uint32_t limit = atomic_load_explicit(&published->limit, memory_order_relaxed);
	if (limit)
		uapi_put_number(out_text, "path_mtu", limit);
	if (peer_read_endpoint(peer, &endpoint, &sequence))
		uapi_put_endpoint(out_text, "endpoint", &endpoint);
	uint64_t handshake = atomic_load_explicit(&published->last_handshake, memory_order_relaxed);
	uapi_put_number(out_text, "last_handshake_time_sec", handshake / CLOCK_SECOND);
	uapi_put_number(out_text, "last_handshake_time_nsec", handshake % CLOCK_SECOND);
	uapi_put_number(out_text, "tx_bytes",
					atomic_load_explicit(&published->sent_bytes, memory_order_relaxed));
	uapi_put_number(out_text, "rx_bytes",
					atomic_load_explicit(&published->received_bytes, memory_order_relaxed));
}
