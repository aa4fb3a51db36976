#include "proxy/front.h"

#include <stdlib.h>

#include "base/wipe.h"
#include "proxy/front_parts.h"

enum {
	/* A head that is rewritten may be longer by what is said of it in other words. */
	REWRITTEN_MAX = HTTP1_HEAD_MAX + 4 * HTTP1_FIELDS_MAX + 1024,
	WAITING_MAX = FRONT_BODY_ROOM + REWRITTEN_MAX,
};

enum err front_new(const struct front_options *options, uint64_t now, struct front **out_front) {
	struct front *front = calloc(1, sizeof *front);
	if (!front)
		return ERR_NO_MEMORY;
	front->options = *options;
	queue_init(&front->to_client, WAITING_MAX);
	queue_init(&front->to_target, WAITING_MAX);
	front_enter(front, FRONT_START, now + FRONT_HEAD_TIMEOUT);
	*out_front = front;
	return ERR_OK;
}

void front_free(struct front *front) {
	if (!front)
		return;
	queue_done(&front->to_client);
	queue_done(&front->to_target);
	http1_reader_free(front->request);
	http1_reader_free(front->response);
	wipe(front->input, sizeof front->input);
	free(front);
}

void front_enter(struct front *front, enum front_state state, uint64_t deadline) {
	front->state = state;
	front->deadline = deadline;
}

void front_close(struct front *front) {
	if (front->state == FRONT_CLOSING)
		return;
	front_enter(front, FRONT_CLOSING, CLOCK_NEVER);
	queue_clear(&front->to_target);
	front->options.ops->close(front->options.context);
}

void front_refuse(struct front *front, enum refusal refusal) {
	if (front->request)
		front_http_refuse(front, refusal);
	else if (front->state == FRONT_OPENING || front->state == FRONT_ASSOCIATING ||
			 front->state == FRONT_REQUEST)
		front_socks5_answer(front, refusal_socks5(refusal), NULL);
	front_close(front);
}

void front_begin_relay(struct front *front) {
	/* An answer that does not fit would never be whole. */
	if (front->to_client.error) {
		front->options.ops->release(front->options.context);
		front_close(front);
		return;
	}
	front_enter(front, FRONT_RELAYING, CLOCK_NEVER);
	front->options.ops->relay(front->options.context);
}

/* The first byte is only looked at. */
static void start(struct front *front, uint8_t first) {
	if (first == SOCKS5_VERSION)
		front_enter(front, FRONT_GREETING, front->deadline);
	else if (first >= 'A' && first <= 'Z' && !front_http_begin(front))
		front_enter(front, FRONT_HEAD, front->deadline);
	else
		front_close(front);
}

/* Bytes of the client, in one state. */
static size_t put_client(struct front *front, uint64_t now, const uint8_t *data, size_t size) {
	switch (front->state) {
	case FRONT_START:
		start(front, data[0]);
		return 0;
	case FRONT_GREETING:
	case FRONT_PASSWORD:
	case FRONT_REQUEST:
		return front_socks5_put(front, now, data, size);
	case FRONT_HEAD:
		return front_http_put(front, now, data, size);
	case FRONT_EXCHANGING:
		return front_exchange_put(front, now, FRONT_CLIENT, data, size);
	case FRONT_ASSOCIATED:
	case FRONT_CLOSING:
		return size; /* of no meaning */
	case FRONT_ASSOCIATING:
	case FRONT_OPENING:
	case FRONT_RELAYING:
		return 0;
	}
	return 0;
}

size_t front_put(struct front *front, uint64_t now, enum front_side side, const uint8_t *data,
				 size_t size) {
	size_t taken = 0;
	if (size == 0)
		return 0;
	if (side == FRONT_TARGET)
		return front->state == FRONT_EXCHANGING ? front_exchange_put(front, now, side, data, size)
												: 0;
	while (taken < size) {
		enum front_state before = front->state;
		size_t more = put_client(front, now, data + taken, size - taken);
		taken += more;
		if (more == 0 && front->state == before)
			break;
	}
	return taken;
}

void front_end(struct front *front, uint64_t now, enum front_side side) {
	if (side == FRONT_CLIENT)
		front->client_ended = true;
	switch (front->state) {
	case FRONT_OPENING:
		/* A client may well have sent all it has to say. */
		if (side == FRONT_TARGET)
			front_refuse(front, REFUSAL_UNREACHABLE);
		break;
	case FRONT_EXCHANGING:
		front_exchange_end(front, now, side);
		break;
	case FRONT_ASSOCIATING:
	case FRONT_ASSOCIATED:
		if (side == FRONT_CLIENT)
			front->options.ops->release(front->options.context);
		front_close(front);
		break;
	case FRONT_RELAYING:
	case FRONT_CLOSING:
		break;
	case FRONT_START:
	case FRONT_GREETING:
	case FRONT_PASSWORD:
	case FRONT_REQUEST:
	case FRONT_HEAD:
		if (side == FRONT_CLIENT)
			front_close(front);
		break;
	}
}

static struct queue *queue_of(struct front *front, enum front_side side) {
	return side == FRONT_CLIENT ? &front->to_client : &front->to_target;
}

struct slice front_waiting(const struct front *front, enum front_side side) {
	/* A request goes out when there is somebody to send it to. */
	if (side == FRONT_TARGET && front->state != FRONT_EXCHANGING)
		return slice_of(NULL, 0);
	return queue_waiting(side == FRONT_CLIENT ? &front->to_client : &front->to_target);
}

void front_sent(struct front *front, enum front_side side, size_t size) {
	queue_drop(queue_of(front, side), size);
}

void front_opened(struct front *front, uint64_t now) {
	if (front->state != FRONT_OPENING)
		return;
	if (front->request) {
		front_http_opened(front, now);
		return;
	}
	front_socks5_answer(front, SOCKS5_SUCCEEDED, NULL);
	front_begin_relay(front);
}

void front_associated(struct front *front, uint64_t now, const struct endpoint *bound) {
	if (front->state != FRONT_ASSOCIATING)
		return;
	front_enter(front, FRONT_ASSOCIATED, CLOCK_NEVER);
	front_socks5_answer(front, SOCKS5_SUCCEEDED, bound);
}

void front_refused(struct front *front, uint64_t now, enum refusal refusal) {
	switch (front->state) {
	case FRONT_OPENING:
	case FRONT_ASSOCIATING:
		front_refuse(front, refusal);
		break;
	case FRONT_EXCHANGING:
		/* Behind the beginning of an answer there is nothing to say. */
		if (front->has_answered)
			front_close(front);
		else
			front_refuse(front, refusal);
		break;
	case FRONT_ASSOCIATED:
		front_close(front);
		break;
	default:
		break;
	}
}

static void expire(struct front *front) {
	switch (front->state) {
	case FRONT_OPENING:
	case FRONT_ASSOCIATING:
		front->options.ops->release(front->options.context);
		front_refuse(front, REFUSAL_TIMEOUT);
		break;
	case FRONT_HEAD:
		/* Not between two requests: the client may take it for an answer to the next one. */
		if (http1_reader_has_begun(front->request))
			front_refuse(front, REFUSAL_SLOW);
		else
			front_close(front);
		break;
	default:
		front_close(front);
	}
}

uint64_t front_run(struct front *front, uint64_t now) {
	if (now >= front->deadline)
		expire(front);
	return front->deadline;
}
