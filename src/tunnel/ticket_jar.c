#include "tunnel/ticket_jar.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "crypto/tls.h"

void ticket_done(struct ticket *ticket) {
	if (ticket->bytes)
		wipe(ticket->bytes, ticket->size);
	free(ticket->bytes);
	*ticket = (struct ticket){.size = 0};
}

static void put(struct ticket_jar *jar, const uint8_t *data, size_t size) {
	uint8_t *bytes = malloc(size);
	if (!bytes)
		return; /* the next handshake is a full one */
	memcpy(bytes, data, size);
	ticket_done(&jar->tickets[TICKET_JAR_MAX - 1]);
	memmove(&jar->tickets[1], &jar->tickets[0], (TICKET_JAR_MAX - 1) * sizeof jar->tickets[0]);
	jar->tickets[0] = (struct ticket){bytes, size};
}

void ticket_jar_collect(struct ticket_jar *jar, struct tls *tls) {
	uint8_t ticket[TLS_TICKET_SIZE_MAX];
	WIPE_ON_EXIT(ticket);
	size_t size;
	while (tls_ticket(tls, ticket, sizeof ticket, &size) == ERR_OK)
		put(jar, ticket, size);
}

struct ticket ticket_jar_take(struct ticket_jar *jar) {
	struct ticket taken = jar->tickets[0];
	memmove(&jar->tickets[0], &jar->tickets[1], (TICKET_JAR_MAX - 1) * sizeof jar->tickets[0]);
	jar->tickets[TICKET_JAR_MAX - 1] = (struct ticket){.size = 0};
	return taken;
}

void ticket_jar_clear(struct ticket_jar *jar) {
	for (size_t i = 0; i < TICKET_JAR_MAX; i++)
		ticket_done(&jar->tickets[i]);
}
