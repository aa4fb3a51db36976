#pragma once

/* Two UDP sockets on the loopback interface, with switches for faults between them and the kernel.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/udp/udp_internal.h"

enum { LOOPBACK_BYTES_MAX = 512 * 1024, LOOPBACK_MESSAGES_MAX = 1024 };

/* What goes wrong. sendmmsg() fails for messages that carry one of the control messages named. */
struct faults {
	int error;                        /* errno, 0: none */
	bool if_segmented, if_source;     /* both false: for every message */
	int times;                        /* failures left; negative: always */
	int rearm;                        /* failures after every success; 0: none */
	bool one_by_one;                  /* sendmmsg() sends one message a call */
	int polls, polls_of_nothing;      /* out: calls of poll(), those of them without descriptor */
	int refused_level, refused_name;  /* setsockopt() of it fails with ENOPROTOOPT */
	int segmented_calls, plain_calls; /* out: of sendmmsg(), by its first message */
};

static struct faults faults;

static bool has_control(const struct msghdr *header, int level, int type) {
	for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item;
		 item = CMSG_NXTHDR((struct msghdr *)(uintptr_t)header, item)) {
		if (item->cmsg_level == level && item->cmsg_type == type)
			return true;
	}
	return false;
}

static bool fails(const struct msghdr *header) {
	bool segmented = has_control(header, SOL_UDP, UDP_SEGMENT);
	bool source = has_control(header, IPPROTO_IP, IP_PKTINFO) ||
				  has_control(header, IPPROTO_IPV6, IPV6_PKTINFO);
	if (faults.error == 0 || faults.times == 0)
		return false;
	if (faults.if_segmented || faults.if_source)
		return (faults.if_segmented && segmented) || (faults.if_source && source);
	return true;
}

static int faulty_sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags) {
	if (has_control(&messages[0].msg_hdr, SOL_UDP, UDP_SEGMENT))
		faults.segmented_calls++;
	else
		faults.plain_calls++;
	unsigned good = 0;
	while (good < count && !fails(&messages[good].msg_hdr))
		good++;
	if (good == 0) {
		faults.times -= faults.times > 0;
		errno = faults.error;
		return -1;
	}
	if (faults.rearm)
		faults.times = faults.rearm;
	return sendmmsg(descriptor, messages, faults.one_by_one ? 1 : good, flags);
}

static int faulty_recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags,
						   struct timespec *timeout) {
	return recvmmsg(descriptor, messages, count, flags, timeout);
}

static int faulty_poll(struct pollfd *items, nfds_t count, int milliseconds) {
	assert_int_equal(milliseconds, 1);
	faults.polls++;
	faults.polls_of_nothing += count == 0;
	return count == 0 ? 0 : poll(items, count, 0);
}

static int faulty_setsockopt(int descriptor, int level, int name, const void *value,
							 socklen_t size) {
	if (faults.refused_name && level == faults.refused_level && name == faults.refused_name) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return setsockopt(descriptor, level, name, value, size);
}

static const struct udp_calls faulty_calls = {
	.sendmmsg = faulty_sendmmsg,
	.recvmmsg = faulty_recvmmsg,
	.poll = faulty_poll,
	.setsockopt = faulty_setsockopt,
};

struct loopback {
	enum address_family family;
	struct udp_socket *sender, *receiver;
	struct endpoint sender_endpoint, receiver_endpoint; /* 127.0.0.1 or ::1 with their ports */
	struct udp_buffers *buffers;
	uint8_t sent[LOOPBACK_BYTES_MAX];
	uint8_t got[LOOPBACK_BYTES_MAX];
	size_t got_size, got_count;
	struct udp_received messages[LOOPBACK_MESSAGES_MAX]; /* data is no longer valid */
};

static inline struct address address_of(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

/* A bound descriptor of any local address, or -1 where this family is not to be had. */
static inline int open_bound(enum address_family family, uint16_t *out_port) {
	int domain = family == ADDRESS_V4 ? AF_INET : AF_INET6;
	int descriptor = socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return -1;
	int one = 1, size = 1 << 20;
	(void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (family == ADDRESS_V6)
		(void)setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	union udp_name name = {.any.sa_family = (sa_family_t)domain};
	socklen_t name_size = family == ADDRESS_V4 ? sizeof name.v4 : sizeof name.v6;
	if (bind(descriptor, &name.any, name_size) || getsockname(descriptor, &name.any, &name_size)) {
		(void)close(descriptor);
		return -1;
	}
	*out_port = ntohs(name.v4.sin_port); /* at the same place in both families */
	return descriptor;
}

/* Skips the test where the family has no loopback. */
static inline struct loopback *loopback_new(enum address_family family,
											struct udp_options sender_options,
											struct udp_options receiver_options) {
	faults = (struct faults){.times = -1};
	uint16_t sender_port = 0, receiver_port = 0;
	int sender = open_bound(family, &sender_port);
	int receiver = open_bound(family, &receiver_port);
	union udp_name name = {.any.sa_family = family == ADDRESS_V4 ? AF_INET : AF_INET6};
	name.v4.sin_port = htons(receiver_port);
	if (family == ADDRESS_V4)
		name.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		name.v6.sin6_addr = in6addr_loopback;
	if (sender < 0 || receiver < 0 ||
		sendto(sender, "", 0, 0, &name.any, sizeof name) < 0) { /* is there a route? */
		print_message("skipped: no loopback of this family\n");
		skip();
	}
	assert_int_equal(recv(receiver, &name, 1, 0), 0);

	struct loopback *pair = calloc(1, sizeof *pair);
	assert_non_null(pair);
	pair->family = family;
	struct address local = address_of(family == ADDRESS_V4 ? "127.0.0.1" : "::1");
	pair->sender_endpoint = (struct endpoint){.address = local, .port = sender_port};
	pair->receiver_endpoint = (struct endpoint){.address = local, .port = receiver_port};
	assert_int_equal(udp_socket_new_with(sender, &sender_options, &faulty_calls, &pair->sender),
					 ERR_OK);
	assert_int_equal(
		udp_socket_new_with(receiver, &receiver_options, &faulty_calls, &pair->receiver), ERR_OK);
	assert_int_equal(udp_buffers_new(&pair->buffers), ERR_OK);
	for (size_t i = 0; i < sizeof pair->sent; i++)
		pair->sent[i] = (uint8_t)(i * 7 + i / 251);
	return pair;
}

static inline void loopback_free(struct loopback *pair) {
	udp_socket_free(pair->sender);
	udp_socket_free(pair->receiver);
	udp_buffers_free(pair->buffers);
	free(pair);
}

/* Appends all that has arrived. */
static inline void loopback_collect(struct loopback *pair) {
	const struct udp_received *received;
	size_t count;
	enum err error;
	while ((error = udp_receive(pair->receiver, pair->buffers, &received, &count)) == ERR_OK) {
		for (size_t i = 0; i < count; i++) {
			assert_true(pair->got_count < LOOPBACK_MESSAGES_MAX);
			assert_true(pair->got_size + received[i].size <= sizeof pair->got);
			pair->messages[pair->got_count++] = received[i];
			memcpy(pair->got + pair->got_size, received[i].data, received[i].size);
			pair->got_size += received[i].size;
		}
	}
	assert_int_equal(error, ERR_AGAIN);
}

static inline void loopback_forget(struct loopback *pair) {
	pair->got_size = pair->got_count = 0;
}

static inline struct udp_message loopback_message(const struct loopback *pair, uint32_t size,
												  uint16_t segment_size) {
	return (struct udp_message){.to = &pair->receiver_endpoint,
								.data = pair->sent,
								.size = size,
								.segment_size = segment_size,
								.error = 0xff};
}

/* Sends one message and collects what came. */
static inline enum err loopback_pass(struct loopback *pair, const struct udp_source *from,
									 uint32_t size, uint16_t segment_size) {
	struct udp_message message = loopback_message(pair, size, segment_size);
	message.from = from;
	loopback_forget(pair);
	udp_send_many(pair->sender, &message, 1);
	loopback_collect(pair);
	return message.error;
}

static inline void assert_delivered(const struct loopback *pair, uint32_t size) {
	assert_int_equal(pair->got_size, size);
	assert_memory_equal(pair->got, pair->sent, size);
}
