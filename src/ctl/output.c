#include "ctl/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { PIECES_PER_SEND = 16 };

struct piece {
	struct list link;
	char *data;
	size_t size, sent;
};

void output_init(struct output *output) {
	list_init(&output->pieces);
	output->waiting = 0;
}

static void free_piece(struct piece *piece) {
	list_remove(&piece->link);
	free(piece->data);
	free(piece);
}

void output_done(struct output *output) {
	list_for_each (link, &output->pieces)
		free_piece(list_item(link, struct piece, link));
	output->waiting = 0;
}

enum err output_give(struct output *output, char *data, size_t size) {
	struct piece *piece = calloc(1, sizeof *piece);
	if (!piece) {
		free(data);
		return ERR_NO_MEMORY;
	}
	piece->data = data;
	piece->size = size;
	list_append(&output->pieces, &piece->link);
	output->waiting += size;
	return ERR_OK;
}

enum err output_add(struct output *output, const char *data, size_t size) {
	char *copy = malloc(size);
	if (!copy)
		return ERR_NO_MEMORY;
	memcpy(copy, data, size);
	return output_give(output, copy, size);
}

static void take_off(struct output *output, size_t size) {
	output->waiting -= size;
	list_for_each (link, &output->pieces) {
		struct piece *piece = list_item(link, struct piece, link);
		size_t left = piece->size - piece->sent;
		if (size < left) {
			piece->sent += size;
			return;
		}
		size -= left;
		free_piece(piece);
	}
}

enum err output_send(struct output *output, int descriptor) {
	struct iovec parts[PIECES_PER_SEND];
	size_t count = 0;
	list_for_each (link, &output->pieces) {
		struct piece *piece = list_item(link, struct piece, link);
		if (count == PIECES_PER_SEND)
			break;
		parts[count].iov_base = piece->data + piece->sent;
		parts[count++].iov_len = piece->size - piece->sent;
	}
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
	ssize_t size = sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (size < 0)
		return errno == EINTR ? ERR_OK : err_from_errno(errno);
	take_off(output, (size_t)size);
	return ERR_OK;
}
