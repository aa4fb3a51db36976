#include "proxy/front_parts.h"
#include "proxy/rewrite.h"

/* One request to an HTTP proxy and its answer, once the target is connected, see proxy/front.h. */

/* The target is not needed any more, and the client gets nothing more either. */
static void abandon(struct front *front) {
	front->options.ops->release(front->options.context);
	front_close(front);
}

/* The target does not say what it ought to. */
static void give_up(struct front *front, enum refusal refusal) {
	front->options.ops->release(front->options.context);
	if (!front->has_answered)
		front_refuse(front, refusal);
	front_close(front);
}

static size_t room_of(const struct queue *queue) {
	size_t waiting = queue_waiting(queue).size;
	return waiting < FRONT_BODY_ROOM ? FRONT_BODY_ROOM - waiting : 0;
}

/* The answer is complete. */
static void finish(struct front *front, uint64_t now) {
	front->options.ops->release(front->options.context);
	if (!front->keep_alive || front->client_ended || !front->request_ended) {
		front_close(front);
		return;
	}
	front->is_head = false;
	http1_reader_next(front->request);
	http1_reader_next(front->response);
	queue_clear(&front->to_target);
	front_enter(front, FRONT_HEAD, now + FRONT_IDLE_TIMEOUT);
}

/* The body of the request; data may be empty to find out that there is none. */
static size_t put_request(struct front *front, const uint8_t *data, size_t size) {
	size_t room = room_of(&front->to_target), taken = 0;
	if (front->request_ended)
		return 0;
	if (http1_reader_body(front->request, data, size < room ? size : room, &taken,
						  &front->request_ended)) {
		give_up(front, REFUSAL_REQUEST);
		return size;
	}
	queue_add(&front->to_target, data, taken);
	if (front->to_target.error)
		give_up(front, REFUSAL_INTERNAL);
	return taken;
}

void front_exchange_begin(struct front *front, uint64_t now) {
	if (!front->response && http1_reader_new(HTTP1_RESPONSE, &front->response)) {
		front->options.ops->release(front->options.context);
		front_refuse(front, REFUSAL_INTERNAL);
		return;
	}
	front_enter(front, FRONT_EXCHANGING, CLOCK_NEVER);
	(void)put_request(front, NULL, 0);
	if (front->client_ended)
		front_exchange_end(front, now, FRONT_CLIENT);
}

/* A head that is whole; an interim one, or the answer's own. */
static void answer(struct front *front, const struct http1_head *head) {
	bool is_final = head->status >= 200;
	/* We pass on no wish to switch protocols; and whoever asks for passwords here is the proxy. */
	if (head->status == 101 || head->status == 407) {
		give_up(front, REFUSAL_TARGET);
		return;
	}
	if (is_final) {
		if (front->is_head)
			http1_reader_skip_body(front->response);
		front->body = head->body;
		front->has_answered = true;
		front->keep_alive = front->keep_alive && head->body != HTTP1_BODY_CLOSE &&
							front->request_ended && !front->client_ended;
	}
	if (rewrite_response(head, front->keep_alive, &front->to_client)) {
		abandon(front);
		return;
	}
	if (!is_final)
		http1_reader_next(front->response);
}

static size_t put_head(struct front *front, const uint8_t *data, size_t size) {
	const struct http1_head *head = NULL;
	size_t taken = 0;
	if (room_of(&front->to_client) == 0)
		return 0;
	if (http1_reader_head(front->response, data, size, &taken, &head)) {
		give_up(front, REFUSAL_TARGET);
		return size;
	}
	if (head)
		answer(front, head);
	return taken;
}

static size_t put_body(struct front *front, uint64_t now, const uint8_t *data, size_t size) {
	size_t room = room_of(&front->to_client), taken = 0;
	bool ended = false;
	if (http1_reader_body(front->response, data, size < room ? size : room, &taken, &ended)) {
		abandon(front);
		return size;
	}
	queue_add(&front->to_client, data, taken);
	if (front->to_client.error)
		abandon(front);
	else if (ended)
		finish(front, now);
	return taken;
}

size_t front_exchange_put(struct front *front, uint64_t now, enum front_side side,
						  const uint8_t *data, size_t size) {
	if (side == FRONT_CLIENT)
		return put_request(front, data, size);
	size_t taken = 0;
	while (front->state == FRONT_EXCHANGING) {
		bool is_head = !front->has_answered;
		size_t more = is_head ? put_head(front, data + taken, size - taken)
							  : put_body(front, now, data + taken, size - taken);
		taken += more;
		/* Behind a head a body of no bytes may be complete already. */
		if (more == 0 && is_head == !front->has_answered)
			break;
	}
	return taken;
}

void front_exchange_end(struct front *front, uint64_t now, enum front_side side) {
	if (side == FRONT_CLIENT) {
		if (!front->request_ended)
			abandon(front);
		return;
	}
	if (!front->has_answered) {
		give_up(front, REFUSAL_TARGET);
	} else {
		/* Whole or cut off: what a length or chunks were to say, the client sees by itself. */
		front->keep_alive = false;
		abandon(front);
	}
}
