#include "transport/tls/no_tls.h"

#include <stdlib.h>
#include <string.h>

#include "base/byte_queue.h"

struct no_tls {
	struct byte_queue outgoing;
	struct tls_facts facts;
	bool closed, failed; /* by this end; for want of memory */
};

static enum tls_state get_state(const void *context) {
	return ((const struct no_tls *)context)->failed ? TLS_FAILED : TLS_OPEN;
}

static enum err take(void *context, struct slice *cipher, uint8_t *out_plain, size_t room,
					 size_t *out_size) {
	size_t size = cipher->size < room ? cipher->size : room;
	if (((struct no_tls *)context)->failed)
		return ERR_NO_MEMORY;
	if (size == 0)
		return ERR_AGAIN;
	memcpy(out_plain, cipher->data, size);
	*cipher = slice_of(cipher->data + size, cipher->size - size);
	*out_size = size;
	return ERR_OK;
}

static enum err give(void *context, const uint8_t *plain, size_t size, size_t *out_taken) {
	struct no_tls *no_tls = context;
	const size_t waiting = byte_queue_size(&no_tls->outgoing);
	if (no_tls->closed || waiting >= TLS_OUTGOING_MAX)
		return ERR_AGAIN;
	const size_t room = TLS_OUTGOING_MAX - waiting, part = size < room ? size : room;
	if (byte_queue_append(&no_tls->outgoing, plain, part)) {
		no_tls->failed = true;
		return ERR_NO_MEMORY;
	}
	*out_taken = part;
	return ERR_OK;
}

static struct slice get_outgoing(const void *context) {
	return byte_queue_view(&((const struct no_tls *)context)->outgoing);
}

static void drop_sent(void *context, size_t size) {
	byte_queue_drop(&((struct no_tls *)context)->outgoing, size);
}

static void end(void *context) {
	((struct no_tls *)context)->closed = true;
}

static enum err get_exporter(void *context, const char *label, uint8_t *out_secret, size_t size) {
	return ERR_UNSUPPORTED;
}

static void get_facts(const void *context, struct tls_facts *out_facts) {
	*out_facts = ((const struct no_tls *)context)->facts;
}

static void get_failure(const void *context, struct tls_failure *out_failure) {
	const bool failed = ((const struct no_tls *)context)->failed;
	*out_failure = (struct tls_failure){
		.fault = failed ? TLS_FAULT_OURS : TLS_FAULT_NONE,
		.text = failed ? "out of memory" : "",
	};
}

static enum err get_ticket(void *context, uint8_t *out_ticket, size_t room, size_t *out_size) {
	return ERR_NOT_FOUND;
}

static void release(void *context) {
	struct no_tls *no_tls = context;
	byte_queue_done(&no_tls->outgoing);
	free(no_tls);
}

static const struct tls_ops ops = {
	.state = get_state,
	.open = take,
	.seal = give,
	.outgoing = get_outgoing,
	.sent = drop_sent,
	.close = end,
	.exporter = get_exporter,
	.facts = get_facts,
	.failure = get_failure,
	.ticket = get_ticket,
	.free = release,
};

enum err no_tls_new(const char *protocol, struct tls *out_tls) {
	struct no_tls *no_tls = calloc(1, sizeof *no_tls);
	if (!no_tls)
		return ERR_NO_MEMORY;
	strncpy(no_tls->facts.protocol, protocol, sizeof no_tls->facts.protocol - 1);
	*out_tls = (struct tls){.ops = &ops, .context = no_tls};
	return ERR_OK;
}
