#include "proto/device_terms.h"

#include <errno.h>
#include <string.h>

#include "proto/device_lines.h"

int device_terms_take(const struct device_terms *terms, const struct uapi_entry *line) {
	switch (line->key) {
	case UAPI_REKEY_SECONDS:
		*terms->rekey_seconds = line->number;
		return line->number > 0 ? 0 : EINVAL;
	case UAPI_REKEY_PACKETS:
		*terms->rekey_packets = line->number;
		return line->number > 0 && line->number <= PARAMETERS_REKEY_PACKETS_MAX ? 0 : EINVAL;
	case UAPI_KEEPALIVE:
		*terms->keepalive = (uint16_t)line->number;
		return line->number > 0 ? 0 : EINVAL;
	case UAPI_CLIENT_TO_CLIENT:
		*terms->client_to_client = line->number != 0;
		return 0;
	case UAPI_REPLACE_PUSH:
		memset(terms->tells, 0, sizeof *terms->tells);
		return 0;
	case UAPI_PUSH_ROUTE:
	case UAPI_PUSH_DNS:
	case UAPI_PUSH_DOMAIN:
	case UAPI_PUSH_MTU:
		return device_lines_push(&terms->tells->interface, line);
	default:
		return EINVAL;
	}
}

bool device_terms_pushes(const struct parameters *tells) {
	const struct interface_settings *settings = &tells->interface;
	return settings->mtu > 0 || settings->route_count > 0 || settings->server_count > 0 ||
		   settings->domain_count > 0;
}
