#include "tunnel/own_address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/socket_name.h"
#include "tunnel/dial.h"
#include "tunnel/stream_host.h"

enum { FAMILIES = 2 }; /* v4, v6 */

struct asker {
	struct own_address *own;
	struct stream_socket_wish wish;
	int descriptor; /* -1: none */
	int number;     /* why there is none */
	bool waits;
};

struct own_address {
	const struct stream_host *host;
	void (*ready)(void *context);
	void *context;
	bool inside; /* asking for sockets: who is given one then is not told */
	struct asker askers[FAMILIES];
};

/* A family that the host does not have will not come later. */
static bool is_settled(const struct asker *asker) {
	return asker->descriptor >= 0 || (!asker->waits && asker->number == EAFNOSUPPORT);
}

static bool waits(const struct own_address *own) {
	return own->askers[0].waits || own->askers[1].waits;
}

static void given(struct stream_socket_wish *wish, int descriptor, int number) {
	struct asker *asker = list_item(wish, struct asker, wish);
	struct own_address *own = asker->own;
	asker->waits = false;
	asker->descriptor = descriptor;
	asker->number = number;
	if (!own->inside && !waits(own))
		own->ready(own->context);
}

static void ask_for_sockets(struct own_address *own) {
	static const enum stream_socket kinds[FAMILIES] = {STREAM_SOCKET_UDP_V4, STREAM_SOCKET_UDP_V6};
	own->inside = true;
	for (size_t i = 0; i < FAMILIES; i++) {
		struct asker *asker = &own->askers[i];
		if (asker->waits || is_settled(asker))
			continue;
		asker->waits = true;
		stream_host_socket(own->host, kinds[i], &asker->wish);
	}
	own->inside = false;
}

enum err own_address_new(const struct stream_host *host, void (*ready)(void *context),
						 void *context, struct own_address **out_own) {
	struct own_address *own = calloc(1, sizeof *own);
	if (!own)
		return ERR_NO_MEMORY;
	*own = (struct own_address){.host = host, .ready = ready, .context = context};
	for (size_t i = 0; i < FAMILIES; i++) {
		own->askers[i] = (struct asker){.own = own, .wish.given = given, .descriptor = -1};
		list_init(&own->askers[i].wish.link);
	}
	ask_for_sockets(own);
	*out_own = own;
	return ERR_OK;
}

void own_address_free(struct own_address *own) {
	if (!own)
		return;
	for (size_t i = 0; i < FAMILIES; i++) {
		stream_host_cancel_socket(own->host, &own->askers[i].wish);
		cleanup_close(&own->askers[i].descriptor);
	}
	free(own);
}

bool own_address_is_ready(struct own_address *own) {
	if (!waits(own))
		ask_for_sockets(own);
	return !waits(own);
}

static enum own_address_answer of_failure(int number) {
	return dial_is_shortage(number) ? OWN_ADDRESS_UNKNOWN : OWN_ADDRESS_NO_WAY;
}

enum own_address_answer own_address_ask(struct own_address *own, const struct endpoint *there) {
	bool is_v4 = there->address.family == ADDRESS_V4;
	const struct asker *asker = &own->askers[is_v4 ? 0 : 1];
	if (asker->descriptor < 0)
		return asker->number == EAFNOSUPPORT ? OWN_ADDRESS_NO_WAY : OWN_ADDRESS_UNKNOWN;
	/* Lets go of the source of the question before, which would be kept. */
	union socket_name name = {.any.sa_family = AF_UNSPEC};
	if (connect(asker->descriptor, &name.any, sizeof name.any))
		return of_failure(errno);
	socklen_t size = socket_name_fill(there, &name);
	union socket_name source;
	socklen_t source_size = sizeof source;
	if (connect(asker->descriptor, &name.any, size) ||
		getsockname(asker->descriptor, &source.any, &source_size))
		return of_failure(errno);
	bool is_same =
		is_v4 ? memcmp(&name.v4.sin_addr, &source.v4.sin_addr, sizeof name.v4.sin_addr) == 0
			  : memcmp(&name.v6.sin6_addr, &source.v6.sin6_addr, sizeof name.v6.sin6_addr) == 0;
	return is_same ? OWN_ADDRESS_YES : OWN_ADDRESS_NO;
}
