#include "ctl/client_link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "ctl/client.h"
#include "ctl/view_json.h"

enum {
	MESSAGE_SIZE = 512,
	HEAD_SIZE = 2 << 10, /* of what is sent: a path with an encoded name and key fits */
	INPUT_FIRST = 16 << 10,
	LINE_MAX_SIZE = 8 * VIEW_TEXT_MAX, /* an event in JSON */
};

void client_link_init(struct client_link *link, const char *path) {
	*link = (struct client_link){.path = path, .descriptor = -1};
}

static void hang_up(struct client_link *link) {
	if (link->descriptor >= 0)
		(void)close(link->descriptor);
	link->descriptor = -1;
	link->size = link->line = 0;
}

void client_link_done(struct client_link *link) {
	hang_up(link);
	if (link->capacity > 0)
		wipe(link->input, link->capacity);
	free(link->input);
	link->input = NULL;
	link->capacity = 0;
}

enum err client_link_fail(enum err error, struct view_error *out_error, const char *format, ...) {
	char message[MESSAGE_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	*out_error = (struct view_error){
		.status = 0,
		.code = strdup("unavailable"),
		.message = strdup(message),
	};
	return error;
}

/* Connecting */

static enum err explain_connect(const char *path, int number, struct view_error *out_error) {
	switch (number) {
	case ENOENT:
	case ENOTDIR:
		return client_link_fail(ERR_NOT_FOUND, out_error, "umbrad is not running: there is no %s",
								path);
	case ECONNREFUSED:
		return client_link_fail(ERR_CLOSED, out_error,
								"umbrad is not running: nobody answers at %s", path);
	case EACCES:
	case EPERM:
		return client_link_fail(ERR_PERMISSION, out_error,
								"not permitted to open %s; run it as root", path);
	case EAGAIN:
		return client_link_fail(ERR_AGAIN, out_error, "umbrad does not accept connections at %s",
								path);
	default:
		return client_link_fail(err_from_errno(number), out_error, "cannot connect to %s: %s", path,
								strerror(number));
	}
}

static enum err connect_to(const char *path, int *out_descriptor, struct view_error *out_error) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return client_link_fail(ERR_INVALID, out_error,
								"the socket's path is too long, at most %zu characters: %s",
								sizeof address.sun_path - 1, path);
	(void)memcpy(address.sun_path, path, strlen(path) + 1);
	auto_close int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return explain_connect(path, errno, out_error);
	/* It counts for connecting, and anew for each send and receive. */
	const struct timeval timeout = {.tv_sec = CTL_CLIENT_TIMEOUT_SECONDS};
	(void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	(void)setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	int status;
	do {
		status = connect(descriptor, (const struct sockaddr *)&address, sizeof address);
	} while (status && errno == EINTR);
	if (status)
		return explain_connect(path, errno, out_error);
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return ERR_OK;
}

/* Whether the connection of the question before is still good. */
static bool is_open(const struct client_link *link) {
	char byte;
	return link->descriptor >= 0 && link->size == 0 &&
		   recv(link->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Sending and receiving */

static enum err explain_transfer(struct client_link *link, int number,
								 struct view_error *out_error) {
	hang_up(link);
	if (number == EAGAIN)
		return client_link_fail(ERR_AGAIN, out_error, "umbrad does not answer at %s within %d s",
								link->path, CTL_CLIENT_TIMEOUT_SECONDS);
	if (number == 0 || number == EPIPE || number == ECONNRESET)
		return client_link_fail(ERR_CLOSED, out_error, "umbrad closed the connection at %s",
								link->path);
	return client_link_fail(err_from_errno(number), out_error, "cannot talk to umbrad at %s: %s",
							link->path, strerror(number));
}

/* 0, or an errno value. */
static int send_whole(int descriptor, struct iovec *parts, size_t count) {
	while (count > 0) {
		const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
		ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return errno;
		size_t size = sent < 0 ? 0 : (size_t)sent;
		while (count > 0 && size >= parts->iov_len) {
			size -= parts->iov_len;
			parts++;
			count--;
		}
		if (count > 0) {
			parts->iov_base = (char *)parts->iov_base + size;
			parts->iov_len -= size;
		}
	}
	return 0;
}

/* At least one byte more of input; EINTR is the caller's, 0 bytes are ERR_CLOSED. */
static enum err receive(struct client_link *link, size_t maximum, int *out_number) {
	*out_number = 0;
	if (link->size == link->capacity) {
		size_t capacity = link->capacity ? 2 * link->capacity : (size_t)INPUT_FIRST;
		if (link->size >= maximum)
			return ERR_LIMIT;
		char *input = malloc(capacity);
		if (!input)
			return ERR_NO_MEMORY;
		if (link->size > 0)
			memcpy(input, link->input, link->size);
		wipe(link->input, link->size);
		free(link->input);
		link->input = input;
		link->capacity = capacity;
	}
	ssize_t size = recv(link->descriptor, link->input + link->size, link->capacity - link->size, 0);
	if (size <= 0) {
		*out_number = size < 0 ? errno : 0;
		return ERR_IO;
	}
	link->size += (size_t)size;
	return ERR_OK;
}

/* The same, until it is there or the connection is no good any more. */
static enum err receive_or_fail(struct client_link *link, struct view_error *out_error) {
	int number;
	enum err error;
	do {
		error = receive(link, CTL_CLIENT_ANSWER_MAX, &number);
	} while (error == ERR_IO && number == EINTR);
	if (!error)
		return ERR_OK;
	if (error == ERR_IO)
		return explain_transfer(link, number, out_error);
	hang_up(link);
	return client_link_fail(error, out_error, "umbrad's answer cannot be read: %s",
							err_text(error));
}

static void consume(struct client_link *link, size_t size) {
	link->size -= size;
	if (size > 0)
		memmove(link->input, link->input + size, link->size);
}

static enum err read_head(struct client_link *link, struct http_response *out_response,
						  struct view_error *out_error) {
	for (;;) {
		struct http_response response;
		enum err error = http_response_parse(link->input, link->size, &response);
		if (error == ERR_AGAIN) {
			error = receive_or_fail(link, out_error);
			if (error)
				return error;
			continue;
		}
		if (error || response.transfer_coded) {
			hang_up(link);
			return client_link_fail(ERR_MALFORMED, out_error,
									"what answers at %s does not speak umbrad's protocol",
									link->path);
		}
		consume(link, response.size);
		if (response.status >= 200) {
			*out_response = response;
			return ERR_OK;
		}
	}
}

static enum err send_question(struct client_link *link, const char *method, const char *path,
							  const char *body, size_t body_size, int *out_number) {
	char head[HEAD_SIZE], length[48] = "";
	if (body)
		(void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", body_size);
	int size = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: umbra\r\n%s%s\r\n", method,
						path, body ? "Content-Type: application/json\r\n" : "", length);
	if (size < 0 || (size_t)size >= sizeof head)
		return ERR_LIMIT;
	struct iovec parts[] = {
		{.iov_base = head, .iov_len = (size_t)size},
		{.iov_base = (char *)(uintptr_t)body, .iov_len = body ? body_size : 0},
	};
	*out_number = send_whole(link->descriptor, parts, 2);
	return *out_number ? ERR_IO : ERR_OK;
}

enum err client_link_ask(struct client_link *link, const char *method, const char *path,
						 const char *body, size_t body_size, struct http_response *out_response,
						 struct view_error *out_error) {
	if (!is_open(link)) {
		hang_up(link);
		enum err error = connect_to(link->path, &link->descriptor, out_error);
		if (error)
			return error;
	}
	int number = 0;
	enum err error = send_question(link, method, path, body, body_size, &number);
	if (error == ERR_LIMIT)
		return client_link_fail(error, out_error, "the name or key is too long");
	/* Who refuses a question early answers before it is whole: the answer may be there. */
	if (error && number != EPIPE)
		return explain_transfer(link, number, out_error);
	return read_head(link, out_response, out_error);
}

enum err client_link_body(struct client_link *link, const struct http_response *response,
						  char **out_text, size_t *out_size, struct view_error *out_error) {
	if (!response->has_body_size || response->body_size > CTL_CLIENT_ANSWER_MAX) {
		hang_up(link);
		return client_link_fail(response->has_body_size ? ERR_LIMIT : ERR_MALFORMED, out_error,
								"umbrad's answer is too large");
	}
	size_t size = (size_t)response->body_size;
	while (link->size < size) {
		enum err error = receive_or_fail(link, out_error);
		if (error)
			return error;
	}
	char *text = malloc(size + 1);
	if (!text) {
		hang_up(link);
		return client_link_fail(ERR_NO_MEMORY, out_error, "%s", err_text(ERR_NO_MEMORY));
	}
	if (size > 0)
		memcpy(text, link->input, size);
	text[size] = '\0';
	consume(link, size);
	if (!response->keep_alive)
		hang_up(link);
	*out_text = text;
	*out_size = size;
	return ERR_OK;
}

enum err client_link_line(struct client_link *link, const char **out_line, size_t *out_size,
						  bool *out_signal, struct view_error *out_error) {
	consume(link, link->line);
	link->line = 0;
	*out_signal = false;
	for (;;) {
		const char *end = link->size > 0 ? memchr(link->input, '\n', link->size) : NULL;
		if (end) {
			*out_line = link->input;
			*out_size = (size_t)(end - link->input);
			link->line = *out_size + 1;
			return ERR_OK;
		}
		int number;
		enum err error = receive(link, LINE_MAX_SIZE, &number);
		*out_signal = error == ERR_IO && number == EINTR;
		if (*out_signal)
			return ERR_OK;
		if (error == ERR_IO)
			return explain_transfer(link, number, out_error);
		if (error) {
			hang_up(link);
			return client_link_fail(error, out_error, "an event cannot be read: %s",
									err_text(error));
		}
	}
}
