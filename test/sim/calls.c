#include "sim/calls.h"

#include <stdlib.h>
#include <string.h>

/* Hosts know their node alone. */
static struct calls *present;

static struct call_end *other_of(struct call_end *end, const struct call *call) {
	return (struct call_end *)(uintptr_t)&call->ends[end == &call->ends[0] ? 1 : 0];
}

/* For this end, once it has read all. */
static bool is_over(struct call_end *end, const struct call *call) {
	return call->broken || (other_of(end, call)->closed && !call->lost);
}

/* The call of a node's end by its number; ends are numbered apart. */
static struct call_end *find(const struct node *node, uint64_t number, struct call **out_call) {
	for (size_t i = 0; i < present->count; i++)
		for (size_t k = 0; k < 2; k++) {
			struct call_end *end = &present->items[i]->ends[k];
			if (end->node == node && end->caller.connection == number && !end->closed &&
				!end->handed_over) {
				*out_call = present->items[i];
				return end;
			}
		}
	return NULL;
}

static struct call *add(struct calls *calls, struct node *from) {
	struct call *call = calloc(1, sizeof *call);
	if (!call || calls->count == CALLS_MAX)
		abort();
	const uint64_t number = 2 * calls->count + 1;
	call->calls = calls;
	call->ends[0] = (struct call_end){
		.node = from, .caller = {.connection = number, .from = node_endpoint(calls->server)}};
	call->ends[1] = (struct call_end){
		.node = calls->server,
		.caller = {.connection = number + 1, .is_incoming = true, .from = {.port = CALLS_PORT}}};
	call->ends[1].caller.from.address = calls->client->v4;
	calls->items[calls->count++] = call;
	return call;
}

static void arrive(struct call_end *end, const void *data, size_t size) {
	end->bytes = realloc(end->bytes, end->size + size + 1);
	if (!end->bytes)
		abort();
	memcpy(end->bytes + end->size, data, size);
	end->size += size;
}

static void read_off(struct call_end *end, size_t size) {
	end->size -= size;
	memmove(end->bytes, end->bytes + size, end->size);
}

static enum err host_connect(void *context, const struct endpoint *to, uint64_t *out_connection) {
	(void)to;
	*out_connection = add(present, context)->ends[0].caller.connection;
	if (present->refuses)
		present->items[present->count - 1]->ends[1].closed = true;
	return ERR_OK;
}

static enum err host_write(void *context, uint64_t connection, struct slice data) {
	struct call *call;
	struct call_end *end = find(context, connection, &call);
	if (!end)
		return ERR_NOT_FOUND;
	if (!call->lost)
		arrive(other_of(end, call), data.data, data.size);
	return ERR_OK;
}

static void host_close(void *context, uint64_t connection) {
	struct call *call;
	struct call_end *end = find(context, connection, &call);
	if (end)
		end->closed = true;
}

/* For a shard: the context is the end, and its call the one that has it. */
static struct call *call_of(const struct call_end *end) {
	for (size_t i = 0; i < present->count; i++)
		if (end == &present->items[i]->ends[0] || end == &present->items[i]->ends[1])
			return present->items[i];
	abort();
}

static enum err stream_read(void *context, uint8_t *data, size_t size, size_t *out_size) {
	struct call_end *end = context;
	const size_t cut = present->cut < size ? present->cut : size;
	if (end->size == 0)
		return is_over(end, call_of(end)) ? ERR_CLOSED : ERR_AGAIN;
	*out_size = end->size < cut ? end->size : cut;
	memcpy(data, end->bytes, *out_size);
	read_off(end, *out_size);
	return ERR_OK;
}

static enum err stream_write(void *context, const struct iovec *pieces, int count,
							 size_t *out_size) {
	struct call_end *end = context;
	size_t all = 0;
	for (int i = 0; i < count; i++) {
		if (!call_of(end)->lost)
			arrive(other_of(end, call_of(end)), pieces[i].iov_base, pieces[i].iov_len);
		all += pieces[i].iov_len;
	}
	*out_size = all;
	return ERR_OK;
}

static int stream_descriptor(const void *context) {
	(void)context;
	return -1;
}

static void stream_free(void *context) {
	((struct call_end *)context)->closed = true;
}

static const struct stream_transport_ops stream_ops = {.read = stream_read,
													   .write = stream_write,
													   .descriptor = stream_descriptor,
													   .free = stream_free};

static enum err host_hand_over(void *context, uint64_t connection,
							   struct stream_transport *out_transport) {
	struct call *call;
	struct call_end *end = find(context, connection, &call);
	if (!end)
		return ERR_NOT_FOUND;
	end->handed_over = true;
	*out_transport = (struct stream_transport){.ops = &stream_ops, .context = end};
	return ERR_OK;
}

static void init_host(struct node *node) {
	node->host.connect = host_connect;
	node->host.write = host_write;
	node->host.close = host_close;
	node->host.hand_over = host_hand_over;
}

void calls_init(struct calls *calls, struct node *client, struct node *server) {
	*calls = (struct calls){.client = client, .server = server, .cut = SIZE_MAX};
	present = calls;
	init_host(client);
	init_host(server);
}

void calls_done(struct calls *calls) {
	for (size_t i = 0; i < calls->count; i++) {
		free(calls->items[i]->ends[0].bytes);
		free(calls->items[i]->ends[1].bytes);
		free(calls->items[i]);
	}
	present = NULL;
}

static void deliver_to(struct call_end *end, const struct call *call) {
	struct node *node = end->node;
	if (!node || end->closed || end->handed_over)
		return;
	if (end->size == 0 && is_over(end, call) && !end->told) {
		end->told = end->closed = true;
		node->ops->ended(node->device, end->caller.connection);
		return;
	}
	const size_t size = end->size < call->calls->cut ? end->size : call->calls->cut;
	uint8_t *bytes = malloc(size + 1);
	if (!bytes)
		abort();
	if (size > 0) {
		memcpy(bytes, end->bytes, size);
		read_off(end, size);
		node->ops->received(node->device, &end->caller, slice_of(bytes, size));
	}
	free(bytes);
}

void calls_deliver(struct calls *calls) {
	for (size_t i = 0; i < calls->count; i++)
		for (size_t k = 0; k < 2; k++)
			deliver_to(&calls->items[i]->ends[k], calls->items[i]);
	calls->client->dirty = calls->server->dirty = true;
	calls->client->notified = calls->server->notified = true; /* run() follows */
}

/* As a reset: what was not read is lost. */
void calls_break(struct calls *calls) {
	for (size_t i = 0; i < calls->count; i++) {
		struct call *call = calls->items[i];
		call->broken = true;
		call->ends[0].size = call->ends[1].size = 0;
	}
}

void calls_lose(struct calls *calls) {
	for (size_t i = 0; i < calls->count; i++)
		calls->items[i]->lost = true;
}

size_t calls_alive(const struct calls *calls) {
	size_t count = 0;
	for (size_t i = 0; i < calls->count; i++)
		count += !calls->items[i]->broken && !calls->items[i]->ends[0].closed &&
				 !calls->items[i]->ends[1].closed;
	return count;
}

struct call *calls_begin(struct calls *calls) {
	return add(calls, NULL);
}

void calls_say(struct call *call, const void *data, size_t size) {
	arrive(&call->ends[1], data, size);
}

bool calls_is_closed(const struct call *call) {
	return call->ends[1].closed;
}
