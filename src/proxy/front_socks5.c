#include <string.h>

#include "base/wipe.h"
#include "proxy/front_parts.h"

/* SOCKS5 at the mixed port, see proxy/front.h. */

/* Large enough for whatever is encoded below. */
static void add_encoded(struct front *front, enum err error, const uint8_t *data, size_t size) {
	if (error)
		front->to_client.error = error;
	else
		queue_add(&front->to_client, data, size);
}

void front_socks5_answer(struct front *front, enum socks5_reply reply,
						 const struct endpoint *bound) {
	struct socks5_answer answer = {
		.reply = (uint8_t)reply,
		/* Where the far end sends from is not known here. */
		.bound = {.type = TARGET_V4, .address = {.family = ADDRESS_V4}},
	};
	if (bound) {
		answer.bound.type = bound->address.family == ADDRESS_V4 ? TARGET_V4 : TARGET_V6;
		answer.bound.address = bound->address;
		answer.bound.port = bound->port;
	}
	uint8_t data[SOCKS5_REQUEST_MAX];
	size_t size = 0;
	enum err error = socks5_answer_encode(&answer, data, sizeof data, &size);
	add_encoded(front, error, data, size);
}

static void greet(struct front *front, const struct socks5_greeting *greeting) {
	bool is_needed = credentials_are_needed(front->options.credentials);
	/* Some clients give a name and a password in any case, and offer nothing else. */
	enum socks5_method method = SOCKS5_METHOD_UNACCEPTABLE;
	if (!is_needed && socks5_greeting_offers(greeting, SOCKS5_METHOD_NONE))
		method = SOCKS5_METHOD_NONE;
	else if (socks5_greeting_offers(greeting, SOCKS5_METHOD_PASSWORD))
		method = SOCKS5_METHOD_PASSWORD;
	uint8_t data[2];
	size_t size = 0;
	enum err error = socks5_method_encode(method, data, sizeof data, &size);
	add_encoded(front, error, data, size);
	if (method == SOCKS5_METHOD_UNACCEPTABLE)
		front_close(front);
	else
		front_enter(front, method == SOCKS5_METHOD_NONE ? FRONT_REQUEST : FRONT_PASSWORD,
					front->deadline);
}

static void authenticate(struct front *front, const struct socks5_password *password) {
	bool accepted =
		credentials_accept(front->options.credentials, password->name, password->password);
	uint8_t data[2];
	size_t size = 0;
	enum err error = socks5_password_reply_encode(accepted, data, sizeof data, &size);
	add_encoded(front, error, data, size);
	if (accepted)
		front_enter(front, FRONT_REQUEST, front->deadline);
	else
		front_close(front);
}

static void serve(struct front *front, uint64_t now, const struct socks5_request *request) {
	switch (request->command) {
	case SOCKS5_CONNECT:
		if (request->target.port == 0) {
			front_refuse(front, REFUSAL_REQUEST);
			return;
		}
		front_enter(front, FRONT_OPENING, now + FRONT_OPEN_TIMEOUT);
		front->options.ops->open(front->options.context, &request->target);
		return;
	case SOCKS5_UDP_ASSOCIATE:
		front_enter(front, FRONT_ASSOCIATING, now + FRONT_OPEN_TIMEOUT);
		front->options.ops->associate(front->options.context, &request->target);
		return;
	default:
		front_socks5_answer(front, SOCKS5_COMMAND_UNSUPPORTED, NULL);
		front_close(front);
	}
}

/* What came is no message, or one about something that there is not. */
static void reject(struct front *front, enum err error) {
	if (front->state == FRONT_REQUEST && error == ERR_UNSUPPORTED)
		front_socks5_answer(front, SOCKS5_ADDRESS_UNSUPPORTED, NULL);
	else if (front->state == FRONT_REQUEST && error == ERR_INVALID)
		front_socks5_answer(front, SOCKS5_HOST_UNREACHABLE, NULL);
	front_close(front);
}

/* The message that begins in front->input, of size bytes, if it is whole; *out_used are its. */
static enum err handle(struct front *front, uint64_t now, size_t size, size_t *out_used) {
	struct socks5_greeting greeting;
	struct socks5_password password;
	struct socks5_request request;
	enum err error;
	switch (front->state) {
	case FRONT_GREETING:
		error = socks5_greeting_decode(front->input, size, &greeting, out_used);
		if (!error)
			greet(front, &greeting);
		return error;
	case FRONT_PASSWORD:
		error = socks5_password_decode(front->input, size, &password, out_used);
		if (!error)
			authenticate(front, &password);
		return error;
	default:
		error = socks5_request_decode(front->input, size, &request, out_used);
		if (!error)
			serve(front, now, &request);
		return error;
	}
}

size_t front_socks5_put(struct front *front, uint64_t now, const uint8_t *data, size_t size) {
	size_t before = front->input_size, room = sizeof front->input - before, used = 0;
	size_t more = size < room ? size : room;
	memcpy(front->input + before, data, more);
	/* Before anything is called: nothing of this is looked at again. */
	front->input_size = 0;
	enum err error = handle(front, now, before + more, &used);
	/* Room is for the largest message, so that one that is cut short can go on. */
	if (error == ERR_TRUNCATED) {
		front->input_size = before + more;
		return more;
	}
	wipe(front->input, sizeof front->input);
	if (error) {
		reject(front, error);
		return more;
	}
	return used - before;
}
