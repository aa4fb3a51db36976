#include "host/firewall_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

enum { BUFFER_SIZE = 8192, BATCH_SIZE = 512, ANSWER_TIMEOUT = 10, DELETE_SEQUENCE = 2 };

static struct nlmsghdr *put_message(char *buffer, uint16_t type, uint16_t flags, uint32_t sequence,
									uint8_t family, uint16_t resource) {
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message->nlmsg_seq = sequence;
	struct nfgenmsg *body = mnl_nlmsg_put_extra_header(message, sizeof *body);
	body->nfgen_family = family;
	body->version = NFNETLINK_V0;
	body->res_id = htons(resource);
	return message;
}

static enum err open_socket(struct mnl_socket **out_socket) {
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!socket)
		/* A kernel without netfilter. */
		return errno == EPROTONOSUPPORT ? ERR_UNSUPPORTED : err_from_errno(errno);
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		enum err error = err_from_errno(errno);
		(void)mnl_socket_close(socket);
		return error;
	}
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT};
	(void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	*out_socket = socket;
	return ERR_OK;
}

/* A transaction of one: begin, delete, end. Only the middle asks for an answer. */
static size_t put_batch(char *batch) {
	struct nlmsghdr *message =
		put_message(batch, NFNL_MSG_BATCH_BEGIN, 0, 1, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	size_t size = NLMSG_ALIGN(message->nlmsg_len);
	message = put_message(batch + size, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_DELTABLE, NLM_F_ACK,
						  DELETE_SEQUENCE, NFPROTO_INET, 0);
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, "umbra");
	size += NLMSG_ALIGN(message->nlmsg_len);
	message = put_message(batch + size, NFNL_MSG_BATCH_END, 0, 3, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	return size + NLMSG_ALIGN(message->nlmsg_len);
}

/* A kernel without nftables refuses the beginning. */
static enum err read_answer(struct mnl_socket *socket) {
	_Alignas(NLMSG_ALIGNTO) char buffer[BUFFER_SIZE];
	for (;;) {
		ssize_t size = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return err_from_errno(errno);
		int left = (int)size;
		const struct nlmsghdr *message = (const void *)buffer;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
			if (message->nlmsg_type != NLMSG_ERROR ||
				mnl_nlmsg_get_payload_len(message) < sizeof *answer)
				continue;
			if (answer->error || message->nlmsg_seq == DELETE_SEQUENCE)
				return err_from_errno(-answer->error);
		}
	}
}

enum err firewall_table_remove(void) {
	_Alignas(NLMSG_ALIGNTO) char batch[BATCH_SIZE] = {0};
	struct mnl_socket *socket = NULL;
	enum err error = open_socket(&socket);
	if (error == ERR_UNSUPPORTED)
		return ERR_OK;
	if (error)
		return error;
	if (mnl_socket_sendto(socket, batch, put_batch(batch)) < 0)
		error = err_from_errno(errno);
	else
		error = read_answer(socket);
	(void)mnl_socket_close(socket);
	/* No such table; no nftables. */
	return error == ERR_NOT_FOUND || error == ERR_UNSUPPORTED || error == ERR_INVALID ? ERR_OK
																					  : error;
}
