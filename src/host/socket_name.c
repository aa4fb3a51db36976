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
