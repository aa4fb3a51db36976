#include "host/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "host/namespace.h"
#include "host/netlink.h"
#include "host/tun.h"

enum {
	BUFFER_SIZE = 32768,
	ANSWER_TIMEOUT = 2,           /* seconds; the kernel answers at once */
	ATTRIBUTE_GSO_IPV4_SIZE = 63, /* IFLA_GSO_IPV4_MAX_SIZE, Linux 6.3 */

	TCP_HEADERS = 20 + 20 + 12, /* IPv4, TCP, timestamps: of nearly every segment */
	SEGMENTS_MAX = 64,          /* of one UDP send: UDP_MAX_SEGMENTS */
	UDP_PAYLOAD = 65535 - 20 - 8,

	READS_PER_TURN = 64, /* what is left is read in the next turn: the descriptor stays readable */
};

struct link {
	int queue;               /* borrowed */
	int home;                /* the namespace of the start */
	struct mnl_socket *news; /* in home */
	bool hears_all;          /* news of other namespaces come too */
	bool away;               /* the interface is not in home */
	uint32_t index;          /* as of the last refresh; 0: unknown */
};

/*
 * TCP fills a packet with segments of MTU - 52 bytes below one header of 52; on the wire each
 * becomes a datagram of at most MTU + overhead (padding stops at the MTU). As many as one UDP send
 * takes: at MTU 1420 and overhead 32, 65507 / 1452 = 45 segments, so 45 × 1368 + 52 = 61,612.
 * Segments with fewer options have larger payloads and come fewer at a time; IPv6 has a longer
 * header, so smaller payloads, yet not 46 of them.
 */
uint32_t link_gso_size(uint32_t mtu, uint32_t overhead) {
	if (mtu <= TCP_HEADERS)
		return mtu;
	uint32_t segments = UDP_PAYLOAD / (mtu + overhead);
	if (segments < 1)
		segments = 1;
	if (segments > SEGMENTS_MAX)
		segments = SEGMENTS_MAX;
	return segments * (mtu - TCP_HEADERS) + TCP_HEADERS;
}

static enum err open_netlink(struct mnl_socket **out_socket) {
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket)
		return err_from_errno(errno);
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT};
	(void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		enum err error = err_from_errno(errno);
		(void)mnl_socket_close(socket);
		return error;
	}
	*out_socket = socket;
	return ERR_OK;
}

/* One request and its answer, which ends with an acknowledgement. */
static enum err ask(struct mnl_socket *socket, struct nlmsghdr *request, mnl_cb_t callback,
					void *context) {
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->nlmsg_seq = 1;
	auto_free char *buffer = malloc(BUFFER_SIZE);
	if (!buffer)
		return ERR_NO_MEMORY;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return err_from_errno(errno);
	for (;;) {
		ssize_t size = mnl_socket_recvfrom(socket, buffer, BUFFER_SIZE);
		if (size < 0)
			return err_from_errno(errno);
		int result = mnl_cb_run(buffer, (size_t)size, request->nlmsg_seq,
								mnl_socket_get_portid(socket), callback, context);
		if (result < 0)
			return err_from_errno(errno);
		if (result == MNL_CB_STOP)
			return ERR_OK;
	}
}

/* News */

static enum err open_news(struct link *link) {
	enum err error = open_netlink(&link->news);
	if (error)
		return error;
	const unsigned groups[] = {RTNLGRP_LINK, RTNLGRP_NSID};
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		unsigned group = groups[i];
		if (mnl_socket_setsockopt(link->news, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
			return err_from_errno(errno);
	}
	int one = 1;
	link->hears_all =
		mnl_socket_setsockopt(link->news, NETLINK_LISTEN_ALL_NSID, &one, sizeof one) == 0;
	return ERR_OK;
}

enum err link_new(int queue, struct link **out_link) {
	struct link *link = calloc(1, sizeof *link);
	if (!link)
		return ERR_NO_MEMORY;
	link->queue = queue;
	link->home = -1;
	enum err error = namespace_open_own(&link->home);
	if (!error)
		error = open_news(link);
	if (error) {
		link_free(link);
		return error;
	}
	*out_link = link;
	return ERR_OK;
}

void link_free(struct link *link) {
	if (!link)
		return;
	if (link->news)
		(void)mnl_socket_close(link->news);
	if (link->home >= 0)
		(void)close(link->home);
	free(link);
}

int link_descriptor(const struct link *link) {
	return mnl_socket_get_fd(link->news);
}

uint32_t link_home_index(const struct link *link) {
	return link->away ? 0 : link->index;
}

uint64_t link_poll_interval(const struct link *link) {
	return link->away && !link->hears_all ? CLOCK_SECOND : 0;
}

/* An index that means another interface in another namespace costs one refresh, nothing more. */
static bool is_relevant(const struct link *link, const char *data, size_t size) {
	int left = (int)size;
	const struct nlmsghdr *message = (const void *)data;
	for (; netlink_is_whole(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_type == RTM_DELNSID)
			return link->away;
		if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
			continue;
		const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
		if (mnl_nlmsg_get_payload_len(message) >= sizeof *info &&
			(link->index == 0 || (uint32_t)info->ifi_index == link->index))
			return true;
	}
	return false;
}

bool link_read(struct link *link) {
	auto_free char *buffer = malloc(BUFFER_SIZE);
	bool relevant = !buffer;
	for (unsigned i = 0; buffer && i < READS_PER_TURN; i++) {
		ssize_t size = recv(link_descriptor(link), buffer, BUFFER_SIZE, MSG_DONTWAIT | MSG_TRUNC);
		/* Any other error would be the same the next time. */
		if (size == 0 || (size < 0 && errno != ENOBUFS))
			break;
		/* ENOBUFS: news were lost. A message cut short: read what is left, ask for the rest. */
		if (size < 0 || size > BUFFER_SIZE)
			relevant = true;
		else
			relevant |= is_relevant(link, buffer, (size_t)size);
	}
	return relevant;
}

/* Namespaces' numbers */

static int read_number_attribute(const struct nlattr *attribute, void *context) {
	if (mnl_attr_get_type(attribute) == NETNSA_NSID &&
		mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
		*(int32_t *)context = (int32_t)mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int read_number(const struct nlmsghdr *message, void *context) {
	return mnl_attr_parse(message, sizeof(struct rtgenmsg), read_number_attribute, context);
}

static enum err ask_number(uint16_t type, int namespace, int32_t *out_number) {
	struct mnl_socket *socket;
	enum err error = open_netlink(&socket);
	if (error)
		return error;
	char buffer[256] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = type;
	(void)mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t) namespace);
	if (type == RTM_NEWNSID)
		mnl_attr_put_u32(request, NETNSA_NSID, (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	error = ask(socket, request, read_number, out_number);
	(void)mnl_socket_close(socket);
	return error;
}

/* News of a namespace are heard only once home has a number for it. */
static void number_namespace(int namespace) {
	int32_t number = NETNSA_NSID_NOT_ASSIGNED;
	if (ask_number(RTM_GETNSID, namespace, &number))
		return;
	if (number == NETNSA_NSID_NOT_ASSIGNED)
		(void)ask_number(RTM_NEWNSID, namespace, &number);
}

/* Questions inside the interface's namespace */

struct question {
	char name[TUN_NAME_SIZE];
	uint32_t mtu, gso_size; /* to set, 0: leave */
	bool answered;
	uint32_t out_index;
	struct link_state out_state;
};

static int read_link_attribute(const struct nlattr *attribute, void *context) {
	struct question *question = context;
	if (mnl_attr_get_type(attribute) == IFLA_MTU &&
		mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0) {
		question->out_state.mtu = mnl_attr_get_u32(attribute);
		question->answered = true;
	}
	return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *message, void *context) {
	struct question *question = context;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	question->out_index = (uint32_t)info->ifi_index;
	question->out_state.up = info->ifi_flags & IFF_UP;
	return mnl_attr_parse(message, sizeof *info, read_link_attribute, question);
}

static struct nlmsghdr *begin_request(char *buffer, uint16_t type, const char *name) {
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = type;
	(void)mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	return request;
}

/* A request on a socket of its own, in the namespace of now. */
static enum err ask_once(struct nlmsghdr *request, mnl_cb_t read, void *context) {
	struct mnl_socket *socket;
	enum err error = open_netlink(&socket);
	if (error)
		return error;
	error = ask(socket, request, read, context);
	(void)mnl_socket_close(socket);
	return error;
}

static enum err ask_state(void *context) {
	struct question *question = context;
	char buffer[256] = {0};
	enum err error =
		ask_once(begin_request(buffer, RTM_GETLINK, question->name), read_link, question);
	/* Renamed or moved since its name was read. */
	if (error == ERR_NO_DEVICE || (!error && !question->answered))
		return ERR_AGAIN;
	return error;
}

static enum err ask_configure(void *context) {
	const struct question *question = context;
	char buffer[256] = {0};
	struct nlmsghdr *request = begin_request(buffer, RTM_SETLINK, question->name);
	if (question->mtu > 0)
		mnl_attr_put_u32(request, IFLA_MTU, question->mtu);
	if (question->gso_size > 0) {
		/* Older kernels have one limit for both families and ignore an attribute too new. */
		mnl_attr_put_u32(request, IFLA_GSO_MAX_SIZE, question->gso_size);
		mnl_attr_put_u32(request, ATTRIBUTE_GSO_IPV4_SIZE, question->gso_size);
		/* Connections with tiny segments would exceed one send by number instead. */
		mnl_attr_put_u32(request, IFLA_GSO_MAX_SEGS, SEGMENTS_MAX);
	}
	return ask_once(request, NULL, NULL);
}

/*
 * A tunnel has no neighbours: a link-local address of the kernel's own making would only send
 * multicast into it, and end up in files that wg-quick saves.
 */
static enum err ask_no_link_local(void *context) {
	const struct question *question = context;
	char buffer[256] = {0};
	struct nlmsghdr *request = begin_request(buffer, RTM_SETLINK, question->name);
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *v6 = mnl_attr_nest_start(request, AF_INET6);
	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, v6);
	mnl_attr_nest_end(request, families);
	return ask_once(request, NULL, NULL);
}

/* Where the interface is and what it is called there. */
static enum err locate(struct link *link, int *out_namespace, char out_name[static TUN_NAME_SIZE]) {
	auto_close int namespace = -1;
	enum err error = tun_open_namespace(link->queue, &namespace);
	if (!error)
		error = tun_read_name(link->queue, out_name);
	if (error)
		/* A namespace that is going away can no longer be opened; the interface goes with it. */
		return error == ERR_NO_DEVICE ? error : ERR_AGAIN;
	*out_namespace = cleanup_steal_descriptor(&namespace);
	return ERR_OK;
}

enum err link_refresh(struct link *link, struct link_state *out_state) {
	auto_close int namespace = -1;
	struct question question = {0};
	enum err error = locate(link, &namespace, question.name);
	if (error)
		return error;
	bool away = !namespace_same(namespace, link->home);
	/* Before the question, so that what happens after its answer is heard. */
	if (away)
		number_namespace(namespace);
	error =
		away ? namespace_run(namespace, link->home, ask_state, &question) : ask_state(&question);
	if (error)
		return error;
	link->away = away;
	link->index = question.out_index;
	*out_state = question.out_state;
	return ERR_OK;
}

/* Asks in the interface's namespace, wherever that is. */
static enum err ask_there(struct link *link, enum err (*ask_it)(void *context),
						  struct question *question) {
	auto_close int namespace = -1;
	enum err error = locate(link, &namespace, question->name);
	if (error)
		return error;
	return namespace_same(namespace, link->home)
			   ? ask_it(question)
			   : namespace_run(namespace, link->home, ask_it, question);
}

enum err link_disable_link_local(struct link *link) {
	struct question question = {0};
	return ask_there(link, ask_no_link_local, &question);
}

enum err link_configure(struct link *link, uint32_t mtu, uint32_t gso_size) {
	struct question question = {.mtu = mtu, .gso_size = gso_size};
	return ask_there(link, ask_configure, &question);
}
