#include "host/socket_name.h"

#include <string.h>

socklen_t socket_name_fill(const struct endpoint *at, union socket_name *out_name) {
	*out_name = (union socket_name){.any.sa_family = AF_UNSPEC};
	if (at->address.family == ADDRESS_V4) {
		out_name->v4.sin_family = AF_INET;
		out_name->v4.sin_port = htons(at->port);
		memcpy(&out_name->v4.sin_addr, at->address.bytes, ADDRESS_V4_SIZE);
		return sizeof out_name->v4;
	}
	out_name->v6.sin6_family = AF_INET6;
	out_name->v6.sin6_port = htons(at->port);
	out_name->v6.sin6_scope_id = at->scope_id;
	memcpy(&out_name->v6.sin6_addr, at->address.bytes, ADDRESS_V6_SIZE);
	return sizeof out_name->v6;
}

struct endpoint socket_name_endpoint(const union socket_name *name) {
	struct endpoint made = {.port = 0};
	if (name->any.sa_family == AF_INET) {
		made.address = address_from_bytes(ADDRESS_V4, (const uint8_t *)&name->v4.sin_addr);
		made.port = ntohs(name->v4.sin_port);
	} else if (name->any.sa_family == AF_INET6) {
		const struct in6_addr *v6 = &name->v6.sin6_addr;
		made.address = IN6_IS_ADDR_V4MAPPED(v6) ? address_from_bytes(ADDRESS_V4, v6->s6_addr + 12)
												: address_from_bytes(ADDRESS_V6, v6->s6_addr);
		made.port = ntohs(name->v6.sin6_port);
		made.scope_id = IN6_IS_ADDR_LINKLOCAL(v6) ? name->v6.sin6_scope_id : 0;
	}
	return made;
}
