#include "tunnel/forward_udp.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/siphash.h"
#include "loop/control_loop.h"
#include "tunnel/datagram_flow.h"
#include "tunnel/datagram_socket.h"
#include "tunnel/front_setup.h"
#include "tunnel/stream_host.h"

enum { BUCKETS = FORWARD_UDP_SESSIONS_MAX };

struct session {
	struct list order;  /* in the forward's, and ... */
	struct list bucket; /* in that of its sender */
	struct forward_udp *forward;
	struct endpoint from;
	uint64_t used; /* when a datagram passed */
	struct datagram_flow *flow;
};

struct forward_udp {
	struct forward_udp_options options;
	struct datagram_socket *socket;
	struct control_timer *timer;
	bool is_armed;
	struct siphash_key key;
	struct list order; /* the one that has been silent for longest first */
	size_t count;
	struct list buckets[BUCKETS];
};

static uint64_t now_of(const struct forward_udp *forward) {
	return stream_host_now(forward->options.setup->host);
}

static void session_free(struct session *session) {
	struct forward_udp *forward = session->forward;
	datagram_flow_free(session->flow);
	list_remove(&session->order);
	list_remove(&session->bucket);
	forward->count--;
	forward->options.setup->figures->open_sessions--;
	free(session);
}

static void use(struct session *session) {
	session->used = now_of(session->forward);
	list_remove(&session->order);
	list_append(&session->forward->order, &session->order);
}

static void arm(struct forward_udp *forward) {
	if (forward->is_armed || list_is_empty(&forward->order))
		return;
	uint64_t now = now_of(forward);
	uint64_t at = list_item(forward->order.next, struct session, order)->used + FORWARD_UDP_IDLE;
	forward->is_armed = true;
	control_timer_set(forward->timer, at > now ? at - now : 0);
}

static void due(void *context) {
	struct forward_udp *forward = context;
	uint64_t now = now_of(forward);
	list_for_each (link, &forward->order) {
		struct session *session = list_item(link, struct session, order);
		if (session->used + FORWARD_UDP_IDLE > now)
			break;
		session_free(session);
	}
	forward->is_armed = false;
	arm(forward);
}

static void flow_received(void *context, struct slice datagram) {
	struct session *session = context;
	use(session);
	datagram_socket_send(session->forward->socket, &session->from, slice_of(NULL, 0), datagram);
}

static void flow_ended(void *context) {
	session_free(context);
}

static struct list *bucket_of(struct forward_udp *forward, const struct endpoint *from) {
	struct {
		uint8_t address[ADDRESS_V6_SIZE];
		uint32_t scope_id;
		uint16_t port;
		uint16_t family;
	} key = {.scope_id = from->scope_id, .port = from->port, .family = from->address.family};
	memcpy(key.address, from->address.bytes, sizeof key.address);
	return &forward->buckets[siphash(&forward->key, &key, sizeof key) % BUCKETS];
}

static struct session *find(const struct list *bucket, const struct endpoint *from) {
	list_for_each (link, bucket) {
		struct session *session = list_item(link, struct session, bucket);
		if (endpoint_equal(&session->from, from))
			return session;
	}
	return NULL;
}

static struct session *add(struct forward_udp *forward, struct list *bucket,
						   const struct endpoint *from) {
	struct front_figures *figures = forward->options.setup->figures;
	struct session *session = calloc(1, sizeof *session);
	if (!session)
		return NULL;
	*session = (struct session){.forward = forward, .from = *from};
	const struct datagram_flow_options options = {
		.setup = forward->options.setup,
		.target = forward->options.target,
		.received = flow_received,
		.ended = flow_ended,
		.context = session,
	};
	if (datagram_flow_new(&options, &session->flow)) {
		free(session);
		return NULL;
	}
	if (forward->count == FORWARD_UDP_SESSIONS_MAX)
		session_free(list_item(forward->order.next, struct session, order));
	list_init(&session->order);
	list_append(bucket, &session->bucket);
	forward->count++;
	figures->sessions++;
	figures->open_sessions++;
	use(session);
	arm(forward);
	datagram_flow_begin(session->flow);
	/* It may be over already. */
	return find(bucket, from);
}

static void received(void *context, const struct endpoint *from, struct slice datagram) {
	struct forward_udp *forward = context;
	struct list *bucket = bucket_of(forward, from);
	struct session *session = find(bucket, from);
	if (!session)
		session = add(forward, bucket, from);
	if (!session) {
		forward->options.setup->figures->datagrams_dropped++;
		return;
	}
	use(session);
	datagram_flow_send(session->flow, datagram);
}

enum err forward_udp_new(const struct forward_udp_options *options,
						 struct forward_udp **out_forward) {
	struct forward_udp *forward = calloc(1, sizeof *forward);
	if (!forward) {
		(void)close(options->descriptor);
		return ERR_NO_MEMORY;
	}
	const struct stream_host *host = options->setup->host;
	forward->options = *options;
	random_fill(host->random, &forward->key, sizeof forward->key);
	list_init(&forward->order);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&forward->buckets[i]);
	const struct datagram_socket_options made = {
		.loop = host->loop,
		.descriptor = options->descriptor,
		.received = received,
		.context = forward,
	};
	enum err error = datagram_socket_new(&made, &forward->socket);
	if (!error)
		error = control_timer_new(host->loop, due, forward, &forward->timer);
	if (error) {
		forward_udp_free(forward);
		return error;
	}
	*out_forward = forward;
	return ERR_OK;
}

void forward_udp_free(struct forward_udp *forward) {
	if (!forward)
		return;
	list_for_each (link, &forward->order)
		session_free(list_item(link, struct session, order));
	datagram_socket_free(forward->socket);
	control_timer_free(forward->timer);
	free(forward);
}
