#include "ctl/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "ctl/output.h"
#include "ctl/server.h"
#include "ctl/view.h"
#include "loop/control_loop.h"

enum {
	STEPS_PER_TURN = 32, /* so that one connection does not hold up the others */
	INPUT_FIRST = 4 << 10,
	DISCARD_SIZE = 16 << 10,
	HEAD_TEXT_SIZE = 512,
};

enum state { READING, ASKED, STREAMING, DRAINING };

struct connection {
	struct list link;
	const struct connection_host *host;
	void *owner;
	struct control_watch *watch;
	int descriptor;
	enum state state;
	bool dead;      /* an error: gone() is next */
	bool head_only; /* the request was HEAD */
	bool continued; /* "100 Continue" was sent */
	bool close;     /* after the answer that is asked for or being sent */
	uint64_t since; /* ns: of the last progress */
	char *input;
	size_t input_size, input_capacity;
	size_t drained; /* bytes */
	struct output output;
};

/* What a step found. */
enum step { STEP_ON, STEP_WAIT, STEP_CLOSE };

static void ready(void *context, uint32_t events);

enum err connection_new(struct control_loop *loop, int descriptor,
						const struct connection_host *host, struct connection **out_connection) {
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection) {
		(void)close(descriptor);
		return ERR_NO_MEMORY;
	}
	list_init(&connection->link);
	output_init(&connection->output);
	connection->host = host;
	connection->descriptor = descriptor;
	connection->since = clock_now();
	enum err error =
		control_watch_new(loop, descriptor, EPOLLIN, ready, connection, &connection->watch);
	if (error) {
		connection_free(connection);
		return error;
	}
	*out_connection = connection;
	return ERR_OK;
}

void connection_free(struct connection *connection) {
	if (!connection)
		return;
	list_remove(&connection->link);
	control_watch_free(connection->watch);
	(void)close(connection->descriptor);
	output_done(&connection->output);
	wipe(connection->input, connection->input_size);
	free(connection->input);
	free(connection);
}

void connection_set_owner(struct connection *connection, void *owner) {
	connection->owner = owner;
}

void *connection_owner(const struct connection *connection) {
	return connection->owner;
}

struct list *connection_link(struct connection *connection) {
	return &connection->link;
}

struct connection *connection_of(struct list *link) {
	return list_item(link, struct connection, link);
}

/* What to wait for: by this the next step is taken in a later turn of the loop. */
static void wait_for(struct connection *connection, uint32_t events) {
	if (control_watch_change(connection->watch, events))
		connection->dead = true; /* the next tick sees it */
}

/* Ends in the next turn, as whoever calls still has the connection in hand. */
static void fail(struct connection *connection) {
	connection->dead = true;
	output_done(&connection->output);
	(void)shutdown(connection->descriptor, SHUT_RDWR);
	wait_for(connection, EPOLLIN);
}

/* Answers */

void connection_answer(struct connection *connection, unsigned status, const char *allow,
					   char *json, size_t size) {
	assert(connection->state == ASKED);
	char head[HEAD_TEXT_SIZE];
	int head_size =
		snprintf(head, sizeof head,
				 "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
				 "Cache-Control: no-store\r\n%s%s%s%s\r\n",
				 status, http_reason(status), size, allow ? "Allow: " : "", allow ? allow : "",
				 allow ? "\r\n" : "", connection->close ? "Connection: close\r\n" : "");
	enum err error = output_add(&connection->output, head, (size_t)head_size);
	if (connection->head_only)
		free(json);
	else if (!error)
		error = output_give(&connection->output, json, size);
	else
		free(json);
	connection->state = connection->close ? DRAINING : READING;
	connection->since = clock_now();
	if (error)
		fail(connection);
	else
		wait_for(connection, EPOLLOUT);
}

void connection_refuse(struct connection *connection, unsigned status, const char *allow,
					   const char *code, const char *message, bool last) {
	const struct view_error view = {status, (char *)(uintptr_t)code, (char *)(uintptr_t)message};
	char *json = NULL;
	size_t size = 0;
	connection->close = connection->close || last;
	if (view_error_encode(&view, &json, &size)) {
		fail(connection);
		return;
	}
	json[size] = '\n'; /* where the NUL was: for people with curl */
	connection_answer(connection, status, allow, json, size + 1);
}

void connection_stream(struct connection *connection) {
	assert(connection->state == ASKED);
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
							   "Cache-Control: no-store\r\nConnection: close\r\n\r\n";
	connection->state = STREAMING;
	connection->since = clock_now();
	connection_add(connection, slice_of(head, sizeof head - 1));
}

void connection_add(struct connection *connection, struct slice frame) {
	if (connection->state != STREAMING || connection->dead)
		return;
	if (connection->output.waiting + frame.size > CONNECTION_QUEUE_MAX ||
		output_add(&connection->output, (const char *)frame.data, frame.size))
		fail(connection);
	else
		wait_for(connection, EPOLLIN | EPOLLOUT);
}

/* Input */

/* Room up to that capacity in all. */
static bool reserve(struct connection *connection, size_t capacity) {
	if (capacity <= connection->input_capacity)
		return true;
	char *input = malloc(capacity);
	if (!input)
		return false;
	if (connection->input_size > 0)
		memcpy(input, connection->input, connection->input_size);
	wipe(connection->input, connection->input_size);
	free(connection->input);
	connection->input = input;
	connection->input_capacity = capacity;
	return true;
}

/* One request is done; what follows moves up, and nothing of its keys stays. */
static void consume(struct connection *connection, size_t size) {
	size_t rest = connection->input_size - size;
	memmove(connection->input, connection->input + size, rest);
	wipe(connection->input + rest, size);
	connection->input_size = rest;
	if (connection->input_capacity > HTTP_HEAD_MAX && rest == 0) {
		free(connection->input);
		connection->input = NULL;
		connection->input_capacity = 0;
	}
}

static enum step read_input(struct connection *connection) {
	if (connection->input_size == connection->input_capacity) {
		size_t capacity =
			connection->input_capacity ? 2 * connection->input_capacity : (size_t)INPUT_FIRST;
		if (!reserve(connection, capacity))
			return STEP_CLOSE;
	}
	ssize_t size = recv(connection->descriptor, connection->input + connection->input_size,
						connection->input_capacity - connection->input_size, 0);
	if (size < 0)
		return errno == EAGAIN ? STEP_WAIT : errno == EINTR ? STEP_ON : STEP_CLOSE;
	connection->input_size += (size_t)size;
	return size > 0 ? STEP_ON : STEP_CLOSE;
}

/* Input that nobody asked for. */
static enum step discard(struct connection *connection) {
	char buffer[DISCARD_SIZE];
	ssize_t size = recv(connection->descriptor, buffer, sizeof buffer, 0);
	if (size < 0)
		return errno == EAGAIN ? STEP_WAIT : errno == EINTR ? STEP_ON : STEP_CLOSE;
	connection->drained += (size_t)size;
	return size > 0 && connection->drained <= CONNECTION_DRAIN_MAX ? STEP_ON : STEP_CLOSE;
}

static enum step refuse_head(struct connection *connection, enum err error) {
	connection->state = ASKED;
	connection->head_only = false;
	switch (error) {
	case ERR_LIMIT:
		connection_refuse(connection, 431, NULL, "too_large", "the request's head is too large",
						  true);
		break;
	case ERR_UNSUPPORTED:
		connection_refuse(connection, 505, NULL, "unsupported", "this is not HTTP/1.1", true);
		break;
	default:
		connection_refuse(connection, 400, NULL, "malformed", "the request is not HTTP/1.1", true);
		break;
	}
	return STEP_ON;
}

/* Whether the body can be read; otherwise it is answered. */
static bool accept_body(struct connection *connection, const struct http_request *request) {
	connection->head_only = http_is(request->method, "HEAD");
	const char *message = NULL;
	if (request->transfer_coded)
		message = "a body needs a Content-Length";
	else if (request->body_size > CTL_BODY_MAX)
		message = "the body is too large";
	if (!message)
		return true;
	connection->state = ASKED;
	if (request->transfer_coded)
		connection_refuse(connection, 411, NULL, "length_required", message, true);
	else
		connection_refuse(connection, 413, NULL, "too_large", message, true);
	return false;
}

/* The rest of a body, after the word that it is welcome. */
static enum step read_body(struct connection *connection, const struct http_request *request) {
	static const char welcome[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (!reserve(connection, request->size + (size_t)request->body_size))
		return STEP_CLOSE;
	if (request->expects_continue && !connection->continued &&
		connection->input_size == request->size) {
		connection->continued = true;
		if (output_add(&connection->output, welcome, sizeof welcome - 1))
			return STEP_CLOSE;
		return STEP_ON;
	}
	return read_input(connection);
}

static enum step read_request(struct connection *connection) {
	struct http_request request;
	enum err error = http_request_parse(connection->input, connection->input_size, &request);
	if (error == ERR_AGAIN)
		return read_input(connection);
	if (error)
		return refuse_head(connection, error);
	if (!accept_body(connection, &request))
		return STEP_ON;
	size_t size = request.size + (size_t)request.body_size;
	if (connection->input_size < size)
		return read_body(connection, &request);
	connection->state = ASKED;
	connection->continued = false;
	connection->close = !request.keep_alive;
	connection->host->take(connection->host->context, connection, &request,
						   slice_of(connection->input + request.size, (size_t)request.body_size));
	consume(connection, size);
	return STEP_ON;
}

/* Turns */

static enum step send_output(struct connection *connection) {
	enum err error = output_send(&connection->output, connection->descriptor);
	if (error == ERR_AGAIN)
		return STEP_WAIT;
	if (error)
		return STEP_CLOSE;
	connection->since = clock_now();
	/* The last answer's end is seen at once; what still comes in is read until the other side
	 * closes, as closing now would take the answer away from it. */
	if (connection->state == DRAINING && connection->output.waiting == 0)
		(void)shutdown(connection->descriptor, SHUT_WR);
	return STEP_ON;
}

static enum step step(struct connection *connection) {
	if (connection->dead)
		return STEP_CLOSE;
	if (connection->output.waiting > 0) {
		enum step result = send_output(connection);
		if (result != STEP_WAIT || connection->state != STREAMING)
			return result;
	}
	switch (connection->state) {
	case READING:
		return read_request(connection);
	case ASKED:
		return STEP_WAIT;
	case STREAMING:
	case DRAINING:
		return discard(connection);
	}
	return STEP_CLOSE;
}

static uint32_t wanted(const struct connection *connection) {
	uint32_t events = connection->output.waiting > 0 ? EPOLLOUT : 0;
	/* Before the answer nothing is read, so that nobody queues requests here; and while it is
	 * sent neither: who does not read is not listened to. */
	if (connection->state == STREAMING || (connection->state != ASKED && events == 0))
		events |= EPOLLIN;
	return events;
}

static void ready(void *context, uint32_t events) {
	struct connection *connection = context;
	enum step result = STEP_ON;
	for (unsigned i = 0; i < STEPS_PER_TURN && result == STEP_ON; i++)
		result = step(connection);
	if (result == STEP_CLOSE) {
		connection->host->gone(connection->host->context, connection);
		return;
	}
	/* Not done yet: to be called again at once, as it is writable or will be. */
	wait_for(connection, result == STEP_ON ? EPOLLOUT | EPOLLIN : wanted(connection));
}

bool connection_tick(struct connection *connection, uint64_t now) {
	static const char comment[] = ":\n\n";
	const struct connection_host *host = connection->host;
	if (connection->dead)
		return false;
	uint64_t quiet = now > connection->since ? (now - connection->since) / CLOCK_SECOND : 0;
	switch (connection->state) {
	case ASKED:
		return true;
	case STREAMING:
		if (connection->output.waiting > 0)
			return quiet < host->idle_seconds;
		if (quiet >= host->comment_seconds)
			connection_add(connection, slice_of(comment, sizeof comment - 1));
		return true;
	case DRAINING:
		if (connection->output.waiting == 0)
			return quiet < CONNECTION_DRAIN_SECONDS;
		return quiet < host->idle_seconds;
	case READING:
		break;
	}
	return quiet < host->idle_seconds;
}
