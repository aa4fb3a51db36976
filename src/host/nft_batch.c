#include "host/nft_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "host/netlink.h"

enum { BUFFER_SIZE = 8192, ANSWER_TIMEOUT = 10, END_SIZE = 64 };

static struct nlmsghdr *put_message(struct nft_batch *batch, uint16_t type, uint16_t flags,
									uint8_t family, uint16_t resource) {
	struct nlmsghdr *message = mnl_nlmsg_put_header(batch->data + batch->size);
	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message->nlmsg_seq = ++batch->count;
	struct nfgenmsg *body = mnl_nlmsg_put_extra_header(message, sizeof *body);
	body->nfgen_family = family;
	body->version = NFNETLINK_V0;
	body->res_id = htons(resource);
	batch->message = message;
	return message;
}

static void close_message(struct nft_batch *batch) {
	if (batch->message)
		batch->size += NLMSG_ALIGN(batch->message->nlmsg_len);
	batch->message = NULL;
}

void nft_batch_begin(struct nft_batch *batch, const struct nft_link *link) {
	batch->size = 0;
	batch->count = link ? link->count : 0;
	batch->first = batch->count + 1;
	batch->message = NULL;
	(void)put_message(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

struct nlmsghdr *nft_batch_add(struct nft_batch *batch, uint16_t type, uint16_t flags) {
	close_message(batch);
	/* Each is answered: the last answer of a transaction that took place is that of the last. */
	return put_message(batch, (uint16_t)((NFNL_SUBSYS_NFTABLES << 8) | type),
					   (uint16_t)(NLM_F_ACK | flags), NFPROTO_INET, 0);
}

size_t nft_batch_left(const struct nft_batch *batch) {
	size_t used = batch->size + (batch->message ? NLMSG_ALIGN(batch->message->nlmsg_len) : 0);
	return used + END_SIZE < NFT_BATCH_SIZE ? NFT_BATCH_SIZE - END_SIZE - used : 0;
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

/*
 * A kernel without nftables refuses the beginning, which has the first number. By a link may come
 * what is left of an earlier transaction that was refused.
 */
static enum err read_answers(struct mnl_socket *socket, uint32_t first, uint32_t last,
							 bool *out_broken) {
	_Alignas(NLMSG_ALIGNTO) char buffer[BUFFER_SIZE];
	for (;;) {
		ssize_t size = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0) {
			*out_broken = true;
			return err_from_errno(errno);
		}
		int left = (int)size;
		const struct nlmsghdr *message = (const void *)buffer;
		for (; netlink_is_whole(message, left); message = mnl_nlmsg_next(message, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
			if (message->nlmsg_type != NLMSG_ERROR ||
				mnl_nlmsg_get_payload_len(message) < sizeof *answer ||
				message->nlmsg_seq - first > last - first)
				continue;
			if (answer->error || message->nlmsg_seq == last)
				return err_from_errno(-answer->error);
		}
	}
}

void nft_link_done(struct nft_link *link) {
	if (link->socket)
		(void)mnl_socket_close(link->socket);
	link->socket = NULL;
}

enum err nft_batch_commit(struct nft_batch *batch, struct nft_link *link) {
	struct nft_link own = {.socket = NULL};
	struct nft_link *by = link ? link : &own;
	close_message(batch);
	uint32_t last = batch->count;
	(void)put_message(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	close_message(batch);
	by->count = batch->count;
	enum err error = by->socket ? ERR_OK : open_socket(&by->socket);
	if (error)
		return error;
	bool broken = false;
	if (mnl_socket_sendto(by->socket, batch->data, batch->size) < 0) {
		broken = true;
		error = err_from_errno(errno);
	} else {
		error = read_answers(by->socket, batch->first, last, &broken);
	}
	if (!link || broken)
		nft_link_done(by);
	return error;
}
