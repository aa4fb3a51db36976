#include "host/route.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "host/netlink.h"

enum {
	RECEIVE_SIZE = 65536, /* the kernel fills at most 32 KiB of a listing at a time */
	SEND_SIZE = 32768,
	/*
	 * Refusals of one send wait in the socket's buffer until they are read; even if all are
	 * refused, this many fit into the smallest default one.
	 */
	BATCH_MAX = 100,
	ANSWER_TIMEOUT = 5, /* seconds; the kernel answers at once, yet may wait for its lock */
	LIST_ATTEMPTS = 20,
};

struct route {
	struct mnl_socket *socket;
	uint32_t sequence; /* of the next request */
	route_failed *failed;
	void *context;
	enum err error; /* of this batch, sticky */
	size_t used;
	unsigned count;
	struct nlmsghdr *last;
	size_t items[BATCH_MAX];
	_Alignas(NLMSG_ALIGNTO) char requests[SEND_SIZE];
	_Alignas(NLMSG_ALIGNTO) char answers[RECEIVE_SIZE];
};

static void set_option(const struct route *route, int option) {
	int one = 1;
	(void)mnl_socket_setsockopt(route->socket, option, &one, sizeof one);
}

enum err route_open(struct route **out_route) {
	struct route *route = calloc(1, sizeof *route);
	if (!route)
		return ERR_NO_MEMORY;
	route->sequence = 1;
	route->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!route->socket || mnl_socket_bind(route->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		enum err error = err_from_errno(errno);
		route_close(route);
		return error;
	}
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT};
	(void)setsockopt(mnl_socket_get_fd(route->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
					 sizeof timeout);
	/* Short refusals; listings that the kernel filters. Older kernels have neither: no harm. */
	set_option(route, NETLINK_CAP_ACK);
	set_option(route, NETLINK_GET_STRICT_CHK);
	*out_route = route;
	return ERR_OK;
}

void route_close(struct route *route) {
	if (!route)
		return;
	if (route->socket)
		(void)mnl_socket_close(route->socket);
	free(route);
}

static enum err transmit(struct route *route, const void *data, size_t size) {
	while (mnl_socket_sendto(route->socket, data, size) < 0)
		if (errno != EINTR)
			return err_from_errno(errno);
	return ERR_OK;
}

static enum err receive(struct route *route, int *out_size) {
	for (;;) {
		ssize_t size = mnl_socket_recvfrom(route->socket, route->answers, sizeof route->answers);
		if (size >= 0) {
			*out_size = (int)size;
			return ERR_OK;
		}
		if (errno != EINTR)
			return errno == EAGAIN ? ERR_IO : err_from_errno(errno);
	}
}

/* The errno value of an acknowledgement or refusal. */
static int number_of(const struct nlmsghdr *message) {
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
	if (mnl_nlmsg_get_payload_len(message) < sizeof *answer)
		return EBADMSG;
	return answer->error < 0 ? -answer->error : answer->error;
}

/* The same of the end of a listing. */
static int end_number_of(const struct nlmsghdr *message) {
	const int *result = mnl_nlmsg_get_payload(message);
	return mnl_nlmsg_get_payload_len(message) >= sizeof *result && *result < 0 ? -*result : 0;
}

/* Requests in batches */

void route_begin(struct route *route, route_failed *failed, void *context) {
	route->failed = failed;
	route->context = context;
	route->error = ERR_OK;
	route->used = 0;
	route->count = 0;
}

/* Reads refusals up to the answer to the last request, the only one that asks for an answer. */
static enum err read_answers(struct route *route, uint32_t first) {
	for (;;) {
		int left;
		enum err error = receive(route, &left);
		if (error)
			return error;
		const struct nlmsghdr *message = (const void *)route->answers;
		for (; netlink_is_whole(message, left); message = mnl_nlmsg_next(message, &left)) {
			uint32_t place = message->nlmsg_seq - first;
			if (message->nlmsg_type != NLMSG_ERROR || place >= route->count)
				continue;
			int number = number_of(message);
			if (number)
				route->failed(route->context, route->items[place], number);
			if (place == route->count - 1)
				return ERR_OK;
		}
	}
}

static void flush(struct route *route) {
	if (route->count == 0 || route->error)
		return;
	route->last->nlmsg_flags |= NLM_F_ACK;
	uint32_t first = route->sequence;
	route->sequence += route->count;
	route->error = transmit(route, route->requests, route->used);
	if (!route->error)
		route->error = read_answers(route, first);
	route->used = 0;
	route->count = 0;
}

struct nlmsghdr *route_add(struct route *route, uint16_t type, uint16_t flags, size_t header_size,
						   size_t item) {
	/* The length of the request before is known only now. */
	if (route->count > 0)
		route->used += NLMSG_ALIGN(route->last->nlmsg_len);
	if (route->count == BATCH_MAX || route->used + ROUTE_MESSAGE_SIZE > sizeof route->requests)
		flush(route);
	if (route->error) {
		route->used = 0; /* requests go nowhere any more */
		route->count = 0;
	}
	struct nlmsghdr *request = mnl_nlmsg_put_header(route->requests + route->used);
	request->nlmsg_type = type;
	request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->nlmsg_seq = route->sequence + route->count;
	(void)mnl_nlmsg_put_extra_header(request, header_size);
	route->items[route->count++] = item;
	route->last = request;
	return request;
}

enum err route_end(struct route *route) {
	if (route->count > 0)
		route->used += NLMSG_ALIGN(route->last->nlmsg_len);
	flush(route);
	return route->error;
}

/* Listings */

struct reading {
	const struct route_listing *listing;
	bool done, changed;
	enum err error;
};

static void read_entry(struct reading *reading, const struct nlmsghdr *message) {
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		reading->changed = true;
	if (message->nlmsg_type == NLMSG_DONE) {
		reading->done = true;
		if (!reading->error)
			reading->error = err_from_errno(end_number_of(message));
	} else if (message->nlmsg_type == NLMSG_ERROR) {
		reading->done = true;
		if (!reading->error)
			reading->error = err_from_errno(number_of(message));
	} else if (!reading->error && message->nlmsg_type >= NLMSG_MIN_TYPE &&
			   mnl_nlmsg_get_payload_len(message) >= reading->listing->header_size) {
		reading->error = reading->listing->found(reading->listing->context, message);
	}
}

static enum err list_once(struct route *route, const struct route_listing *listing,
						  bool *out_changed) {
	char buffer[ROUTE_MESSAGE_SIZE] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = listing->type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	uint32_t sequence = route->sequence++;
	request->nlmsg_seq = sequence;
	char *header = mnl_nlmsg_put_extra_header(request, listing->header_size);
	for (size_t i = 0; i < listing->header_size; i++)
		header[i] = ((const char *)listing->header)[i];
	if (listing->interface)
		mnl_attr_put_u32(request, RTA_OIF, listing->interface);
	struct reading reading = {.listing = listing};
	enum err error = transmit(route, request, request->nlmsg_len);
	/* To the end in any case, or the rest would be taken for the answer to the next request. */
	while (!error && !reading.done) {
		int left;
		error = receive(route, &left);
		const struct nlmsghdr *message = (const void *)route->answers;
		for (; !error && netlink_is_whole(message, left); message = mnl_nlmsg_next(message, &left))
			if (message->nlmsg_seq == sequence)
				read_entry(&reading, message);
	}
	*out_changed = reading.changed;
	return error ? error : reading.error;
}

enum err route_list(struct route *route, const struct route_listing *listing) {
	for (unsigned attempt = 0; attempt < LIST_ATTEMPTS; attempt++) {
		bool changed = false;
		enum err error = list_once(route, listing, &changed);
		if (error || !changed)
			return error;
		listing->restart(listing->context);
	}
	return ERR_AGAIN;
}

enum err route_ask(struct route *route, struct nlmsghdr *request,
				   void (*found)(void *context, const struct nlmsghdr *message), void *context,
				   int *out_number) {
	uint32_t sequence = route->sequence++;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->nlmsg_seq = sequence;
	enum err error = transmit(route, request, request->nlmsg_len);
	while (!error) {
		int left;
		error = receive(route, &left);
		const struct nlmsghdr *message = (const void *)route->answers;
		for (; !error && netlink_is_whole(message, left);
			 message = mnl_nlmsg_next(message, &left)) {
			if (message->nlmsg_seq != sequence)
				continue;
			if (message->nlmsg_type == NLMSG_ERROR) {
				*out_number = number_of(message);
				return ERR_OK;
			}
			if (found)
				found(context, message);
		}
	}
	return error;
}
