#include "host/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/steering.h"

/* A port that is free in one family may be taken in the other. */
enum { PORT_ATTEMPTS = 64 };

static void set_buffer(int descriptor, int forced, int plain) {
	int size = LISTEN_BUFFER_SIZE;
	if (setsockopt(descriptor, SOL_SOCKET, forced, &size, sizeof size))
		(void)setsockopt(descriptor, SOL_SOCKET, plain, &size, sizeof size);
}

/* The address is of the family, or means all of it. */
static int bind_to(int descriptor, int family, const struct address *address, uint16_t port) {
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	if (address->family == ADDRESS_V4)
		memcpy(&v4.sin_addr, address->bytes, sizeof v4.sin_addr);
	if (address->family == ADDRESS_V6)
		memcpy(&v6.sin6_addr, address->bytes, sizeof v6.sin6_addr);
	bool is_v4 = family == AF_INET;
	const void *name = is_v4 ? (const void *)&v4 : (const void *)&v6;
	return bind(descriptor, name, is_v4 ? sizeof v4 : sizeof v6) ? errno : 0;
}

static int read_port(int descriptor, uint16_t *out_port) {
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof address;
	if (getsockname(descriptor, (struct sockaddr *)&address, &size))
		return errno;
	*out_port =
		ntohs(address.ss_family == AF_INET ? ((const struct sockaddr_in *)&address)->sin_port
										   : ((const struct sockaddr_in6 *)&address)->sin6_port);
	return 0;
}

static int set_flag(int descriptor, int level, int option) {
	int one = 1;
	return setsockopt(descriptor, level, option, &one, sizeof one) ? errno : 0;
}

static int open_socket(int family, const struct listen_request *request, int *out_descriptor) {
	auto_close int descriptor = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return errno;
	int number = family == AF_INET6 ? set_flag(descriptor, IPPROTO_IPV6, IPV6_V6ONLY) : 0;
	if (number)
		return number;
	if (request->mark != 0 &&
		setsockopt(descriptor, SOL_SOCKET, SO_MARK, &request->mark, sizeof request->mark))
		return errno;
	set_buffer(descriptor, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(descriptor, SO_SNDBUFFORCE, SO_SNDBUF);
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return 0;
}

static void close_all(const int *descriptors, unsigned count) {
	for (unsigned i = 0; i < count; i++)
		(void)close(descriptors[i]);
}

/*
 * The first socket is bound without SO_REUSEPORT, so that a port in use is found out even when its
 * user would share it; the others join once the option is set on all.
 */
static int bind_member(int descriptor, int family, const struct listen_request *request,
					   uint16_t port, bool first) {
	int number = 0;
	if (!first)
		number = set_flag(descriptor, SOL_SOCKET, SO_REUSEPORT);
	if (!number)
		number = bind_to(descriptor, family, &request->address, port);
	if (!number && first && request->shards > 1)
		number = set_flag(descriptor, SOL_SOCKET, SO_REUSEPORT);
	return number;
}

/* All sockets of a family on *port, which is filled in when it was 0. */
static int open_family(int family, const struct listen_request *request, uint16_t *port,
					   int *out_descriptors) {
	int descriptors[LISTEN_SHARDS_MAX];
	uint16_t bound = *port;
	int number = 0;
	unsigned count = 0;
	while (count < request->shards && !number) {
		number = open_socket(family, request, &descriptors[count]);
		if (number)
			break;
		count++;
		number = bind_member(descriptors[count - 1], family, request, bound, count == 1);
		if (!number && bound == 0)
			number = read_port(descriptors[0], &bound);
	}
	if (!number && request->shards > 1 && request->steering &&
		steering_attach(descriptors[0], request->steering, request->shards))
		number = errno;
	if (number) {
		close_all(descriptors, count);
		return number;
	}
	for (unsigned i = 0; i < count; i++)
		out_descriptors[i] = descriptors[i];
	*port = bound;
	return 0;
}

static bool is_family_missing(int number) {
	return number == EAFNOSUPPORT || number == EADDRNOTAVAIL;
}

static bool is_everywhere(const struct address *address) {
	static const struct address all = {.family = ADDRESS_V6};
	return address->family == ADDRESS_NONE || address_equal(address, &all);
}

/* One family alone must be there, as must the address. */
static int open_one(const struct listen_request *request, struct listen *listen) {
	bool is_v4 = request->address.family == ADDRESS_V4;
	listen->port = request->port;
	int number = open_family(is_v4 ? AF_INET : AF_INET6, request, &listen->port,
							 is_v4 ? listen->v4 : listen->v6);
	listen->has_v4 = is_v4 && number == 0;
	listen->has_v6 = !is_v4 && number == 0;
	return number;
}

static int open_both(const struct listen_request *request, struct listen *listen) {
	listen->port = request->port;
	int number = open_family(AF_INET, request, &listen->port, listen->v4);
	if (number && !is_family_missing(number))
		return number;
	listen->has_v4 = number == 0;
	int number_v6 = open_family(AF_INET6, request, &listen->port, listen->v6);
	listen->has_v6 = number_v6 == 0;
	if (number_v6 && (!is_family_missing(number_v6) || !listen->has_v4)) {
		listen_done(listen);
		return number_v6;
	}
	return 0;
}

int listen_open(const struct listen_request *request, struct listen *out_listen) {
	if (request->shards == 0 || request->shards > LISTEN_SHARDS_MAX)
		return EINVAL;
	int number = 0;
	for (unsigned attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
		struct listen listen = {
			.shards = request->shards, .mark = request->mark, .address = request->address};
		number = is_everywhere(&request->address) ? open_both(request, &listen)
												  : open_one(request, &listen);
		if (!number) {
			*out_listen = listen;
			return 0;
		}
		if (request->port != 0 || number != EADDRINUSE)
			return number;
	}
	return number;
}

bool listen_is_at(const struct listen *listen, const struct listen_request *request) {
	bool same_address = address_equal(&listen->address, &request->address) ||
						(is_everywhere(&listen->address) && is_everywhere(&request->address));
	return listen->shards > 0 && listen->shards == request->shards &&
		   listen->port == request->port && same_address;
}

static int copy_family(const int *descriptors, unsigned count, int *out_descriptors) {
	for (unsigned i = 0; i < count; i++) {
		out_descriptors[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, 0);
		if (out_descriptors[i] >= 0)
			continue;
		int number = errno;
		close_all(out_descriptors, i);
		return number;
	}
	return 0;
}

int listen_copy(const struct listen *listen, struct listen *out_copy) {
	struct listen copy = *listen;
	copy.has_v4 = copy.has_v6 = false;
	int number = listen->has_v4 ? copy_family(listen->v4, listen->shards, copy.v4) : 0;
	copy.has_v4 = listen->has_v4 && !number;
	if (!number && listen->has_v6)
		number = copy_family(listen->v6, listen->shards, copy.v6);
	copy.has_v6 = listen->has_v6 && !number;
	if (number)
		listen_done(&copy);
	else
		*out_copy = copy;
	return number;
}

int listen_mark(struct listen *listen, uint32_t mark) {
	int result = 0;
	for (unsigned i = 0; i < 2 * listen->shards; i++) {
		bool is_v4 = i < listen->shards;
		if (!(is_v4 ? listen->has_v4 : listen->has_v6))
			continue;
		int descriptor = is_v4 ? listen->v4[i] : listen->v6[i - listen->shards];
		if (setsockopt(descriptor, SOL_SOCKET, SO_MARK, &mark, sizeof mark) && !result)
			result = errno;
	}
	if (!result)
		listen->mark = mark;
	return result;
}

void listen_done(struct listen *listen) {
	if (listen->has_v4)
		close_all(listen->v4, listen->shards);
	if (listen->has_v6)
		close_all(listen->v6, listen->shards);
	*listen = (struct listen){0};
}
