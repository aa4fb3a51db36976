#include "transport/udp/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <unistd.h>

#include "transport/udp/udp_internal.h"

static const struct udp_calls system_calls = {
	.sendmmsg = sendmmsg,
	.recvmmsg = recvmmsg,
	.poll = poll,
	.setsockopt = setsockopt,
};

static int get_option(int descriptor, int name) {
	int value = -1;
	socklen_t size = sizeof value;
	return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) ? -1 : value;
}

static bool set_option(const struct udp_socket *socket, int level, int name, int value) {
	return socket->calls->setsockopt(socket->descriptor, level, name, &value, sizeof value) == 0;
}

/*
 * IPv4 datagrams may be fragmented on their way: where routers' answers are filtered, what does not
 * fit would vanish without a trace otherwise. IPv6 datagrams are only where they begin, by what is
 * known of the path here. What IPv4 routers are said to have answered is not taken for it (OMIT):
 * any stranger could say so, and have all that is sent cut into pieces of some hundred bytes.
 */
static void set_fragmentation(const struct udp_socket *socket, bool forbidden) {
	if (socket->family == ADDRESS_V4)
		(void)set_option(socket, IPPROTO_IP, IP_MTU_DISCOVER,
						 forbidden ? IP_PMTUDISC_PROBE : IP_PMTUDISC_OMIT);
	else
		(void)set_option(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
						 forbidden ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_WANT);
}

void udp_socket_set_way(const struct udp_socket *socket, uint8_t way) {
	if (way == UDP_WAY_WHOLE)
		set_fragmentation(socket, true);
}

void udp_socket_end_way(const struct udp_socket *socket, uint8_t way) {
	if (way == UDP_WAY_WHOLE)
		set_fragmentation(socket, false);
}

/* PKTINFO is needed; offloads and the drop count are used where the kernel has them. */
static enum err set_options(struct udp_socket *socket, const struct udp_options *options) {
	bool v6 = socket->family == ADDRESS_V6;
	if (!set_option(socket, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1))
		return err_from_errno(errno);
	(void)set_option(socket, SOL_SOCKET, SO_RXQ_OVFL, 1);
	set_fragmentation(socket, false);
	/* A segment size of 0 is none, so this only asks whether the kernel knows the option. */
	bool knows_segments = set_option(socket, SOL_UDP, UDP_SEGMENT, 0);
	socket->segments = knows_segments && !options->no_segmentation;
	bool coalesces = set_option(socket, SOL_UDP, UDP_GRO, !options->no_coalescing);
	socket->coalesces = coalesces && !options->no_coalescing;
	return ERR_OK;
}

enum err udp_socket_new_with(int descriptor, const struct udp_options *options,
							 const struct udp_calls *calls, struct udp_socket **out_socket) {
	if (get_option(descriptor, SO_TYPE) != SOCK_DGRAM ||
		get_option(descriptor, SO_PROTOCOL) != IPPROTO_UDP)
		return ERR_INVALID;
	int domain = get_option(descriptor, SO_DOMAIN);
	if (domain != AF_INET && domain != AF_INET6)
		return ERR_INVALID;

	struct udp_socket *made = calloc(1, sizeof *made);
	if (!made)
		return ERR_NO_MEMORY;
	made->calls = calls;
	made->descriptor = descriptor;
	made->family = domain == AF_INET ? ADDRESS_V4 : ADDRESS_V6;
	enum err error = set_options(made, options);
	if (error) {
		free(made);
		return error;
	}
	udp_socket_count_in(made, &made->own);
	*out_socket = made;
	return ERR_OK;
}

enum err udp_socket_new(int descriptor, const struct udp_options *options,
						struct udp_socket **out_socket) {
	return udp_socket_new_with(descriptor, options, &system_calls, out_socket);
}

void udp_socket_free(struct udp_socket *socket) {
	if (!socket)
		return;
	atomic_store_explicit(&socket->counters->open, false, memory_order_relaxed);
	(void)close(socket->descriptor);
	free(socket);
}

int udp_socket_descriptor(const struct udp_socket *socket) {
	return socket->descriptor;
}

enum address_family udp_socket_family(const struct udp_socket *socket) {
	return socket->family;
}

const struct udp_counters *udp_socket_counters(const struct udp_socket *socket) {
	return socket->counters;
}

static void publish_offloads(const struct udp_socket *socket) {
	struct udp_counters *counters = socket->counters;
	atomic_store_explicit(&counters->segments, socket->segments, memory_order_relaxed);
	atomic_store_explicit(&counters->coalesces, socket->coalesces, memory_order_relaxed);
}

void udp_socket_count_in(struct udp_socket *socket, struct udp_counters *counters) {
	socket->counters = counters;
	publish_offloads(socket);
	atomic_store_explicit(&counters->open, true, memory_order_relaxed);
}

void udp_socket_stop_segments(struct udp_socket *socket) {
	socket->segments = false;
	publish_offloads(socket);
}

bool udp_socket_segments(const struct udp_socket *socket) {
	return socket->segments;
}

bool udp_socket_coalesces(const struct udp_socket *socket) {
	return socket->coalesces;
}
