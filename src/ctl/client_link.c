#include "ctl/client_link.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "ctl/client.h"
#include "ctl/client_memory.h"
#include "ctl/view_json.h"

enum {
	MESSAGE_SIZE = 512,
	URL_SIZE = 2 << 10, /* a path with an encoded name and key fits */
	TEXT_FIRST = 16 << 10,
	LINE_MAX_SIZE = 8 * VIEW_TEXT_MAX, /* an event in JSON */
	STEP_MILLISECONDS = 1000,          /* between looks whether the answer takes too long */
	RETRY_MICROSECONDS = 20000,        /* between tries to connect */
};

struct client_link {
	char *path; /* of the socket */
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers; /* of questions with a body */

	/* Of the question at hand. */
	uint64_t since; /* ns: of the last sign of life */
	char *text;     /* the answer, or the line that is not whole yet */
	size_t size, capacity, maximum;
	enum err broken; /* why the answer was not taken; ERR_OK: it was */
	bool (*take)(void *context, const char *line, size_t size);
	void *context;
	bool ended; /* by take() */
};

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

/* The answer */

static bool reserve(struct client_link *link, size_t more) {
	size_t needed = link->size + more + 1; /* the NUL */
	if (needed <= link->capacity)
		return true;
	size_t capacity = link->capacity ? link->capacity : (size_t)TEXT_FIRST;
	while (capacity < needed)
		capacity *= 2;
	char *text = realloc(link->text, capacity);
	if (!text)
		return false;
	link->text = text;
	link->capacity = capacity;
	return true;
}

static bool keep(struct client_link *link, const char *data, size_t size) {
	if (size > link->maximum - link->size)
		link->broken = ERR_LIMIT;
	else if (!reserve(link, size))
		link->broken = ERR_NO_MEMORY;
	if (link->broken)
		return false;
	memcpy(link->text + link->size, data, size);
	link->size += size;
	link->text[link->size] = '\0';
	return true;
}

/* A line that is whole in what came is not copied. */
static bool take_lines(struct client_link *link, const char *data, size_t size) {
	for (const char *end; (end = memchr(data, '\n', size)) != NULL;) {
		size_t part = (size_t)(end - data);
		const char *line = data;
		size_t line_size = part;
		if (link->size > 0) {
			if (!keep(link, data, part))
				return false;
			line = link->text;
			line_size = link->size;
		}
		link->size = 0;
		link->ended = !link->take(link->context, line, line_size);
		if (link->ended)
			return false;
		data = end + 1;
		size -= part + 1;
	}
	return size == 0 || keep(link, data, size);
}

static unsigned status_of(const struct client_link *link) {
	long status = 0;
	(void)curl_easy_getinfo(link->easy, CURLINFO_RESPONSE_CODE, &status);
	return (unsigned)status;
}

static size_t take_data(char *data, size_t unit, size_t size, void *context) {
	struct client_link *link = context;
	link->since = clock_now();
	bool lines = link->take && status_of(link) == 200;
	bool taken = lines ? take_lines(link, data, size) : keep(link, data, size);
	return taken ? size : size + 1; /* another number than its own ends it */
}

/* The question */

static bool is_set(CURLcode code) {
	return code == CURLE_OK;
}

/* What is the same for all questions. */
static bool set_options(struct client_link *link) {
	CURL *easy = link->easy;
	return is_set(curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, link->path)) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_data)) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_WRITEDATA, link)) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)CTL_CLIENT_ANSWER_MAX)) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http")) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1)) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_PROXY, "")) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_NOPROXY, "*")) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED)) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L)) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L)) &&
		   is_set(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
}

static bool set_question(struct client_link *link, const struct client_question *question,
						 const char *url) {
	CURL *easy = link->easy;
	bool good = is_set(curl_easy_setopt(easy, CURLOPT_URL, url));
	if (question->body)
		good = good &&
			   is_set(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
									   (curl_off_t)question->body_size)) &&
			   is_set(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, question->body)) &&
			   is_set(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, link->headers));
	else
		good = good && is_set(curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L)) &&
			   is_set(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL));
	return good && is_set(curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, question->method));
}

/* Waits until there is something to do. ERR_CLOSED: a signal came. */
static enum err wait_step(struct client_link *link) {
	fd_set reading, writing, others;
	FD_ZERO(&reading);
	FD_ZERO(&writing);
	FD_ZERO(&others);
	int highest = -1;
	long milliseconds = -1;
	if (curl_multi_fdset(link->multi, &reading, &writing, &others, &highest) ||
		curl_multi_timeout(link->multi, &milliseconds))
		return ERR_IO;
	if (milliseconds < 0 || milliseconds > STEP_MILLISECONDS)
		milliseconds = STEP_MILLISECONDS;
	struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};
	if (select(highest + 1, &reading, &writing, &others, &time) < 0)
		return errno == EINTR ? ERR_CLOSED : ERR_IO;
	return ERR_OK;
}

struct result {
	CURLcode code;
	int number; /* errno value of CURLE_COULDNT_CONNECT */
	bool signalled, late;
};

static struct result run_once(struct client_link *link) {
	struct result result = {.code = CURLE_FAILED_INIT};
	curl_off_t sent = 0;
	for (;;) {
		int running = 0, left;
		if (curl_multi_perform(link->multi, &running))
			return result;
		const CURLMsg *message = curl_multi_info_read(link->multi, &left);
		if (message && message->msg == CURLMSG_DONE) {
			result.code = message->data.result;
			return result;
		}
		curl_off_t before = sent;
		(void)curl_easy_getinfo(link->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
		if (sent != before)
			link->since = clock_now();
		result.late = clock_now() - link->since > CTL_CLIENT_TIMEOUT_SECONDS * CLOCK_SECOND;
		enum err error = wait_step(link);
		result.signalled = error == ERR_CLOSED && link->take;
		if (result.late || result.signalled || error == ERR_IO)
			return result;
	}
}

/* The library does not wait for a place in the daemon's full backlog, and has no errno for it. */
static struct result run(struct client_link *link) {
	for (;;) {
		struct result result = {.code = CURLE_OUT_OF_MEMORY};
		if (curl_multi_add_handle(link->multi, link->easy))
			return result;
		result = run_once(link);
		(void)curl_multi_remove_handle(link->multi, link->easy);
		long number = 0;
		(void)curl_easy_getinfo(link->easy, CURLINFO_OS_ERRNO, &number);
		result.number = number ? (int)number : EAGAIN;
		if (result.code != CURLE_COULDNT_CONNECT || result.number != EAGAIN ||
			clock_now() - link->since > CTL_CLIENT_TIMEOUT_SECONDS * CLOCK_SECOND)
			return result;
		(void)usleep(RETRY_MICROSECONDS);
	}
}

static enum err explain(const struct client_link *link, const struct result *result,
						struct view_error *out_error) {
	if (result->late)
		return client_link_fail(ERR_AGAIN, out_error, "umbrad does not answer at %s within %d s",
								link->path, CTL_CLIENT_TIMEOUT_SECONDS);
	if (link->broken == ERR_LIMIT || result->code == CURLE_FILESIZE_EXCEEDED)
		return client_link_fail(ERR_LIMIT, out_error, "umbrad's answer is too large");
	if (link->broken || result->code == CURLE_OUT_OF_MEMORY)
		return client_link_fail(ERR_NO_MEMORY, out_error, "%s", err_text(ERR_NO_MEMORY));
	switch (result->code) {
	case CURLE_COULDNT_CONNECT:
		return explain_connect(link->path, result->number, out_error);
	case CURLE_OK: /* events end with the daemon only */
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return client_link_fail(ERR_CLOSED, out_error, "umbrad closed the connection at %s",
								link->path);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_HTTP2:
		return client_link_fail(ERR_MALFORMED, out_error,
								"what answers at %s does not speak umbrad's protocol", link->path);
	default:
		return client_link_fail(ERR_IO, out_error, "cannot talk to umbrad at %s: %s", link->path,
								curl_easy_strerror(result->code));
	}
}

/* Whatever of the answer nobody took. */
static void forget(struct client_link *link) {
	free(link->text);
	link->text = NULL;
	link->size = link->capacity = 0;
}

static enum err ask(struct client_link *link, const struct client_question *question,
					struct client_answer *out_answer, struct view_error *out_error) {
	char url[URL_SIZE];
	int size = snprintf(url, sizeof url, "http://umbra%s", question->path);
	if (size < 0 || (size_t)size >= sizeof url)
		return client_link_fail(ERR_LIMIT, out_error, "the name or key is too long");
	if (strlen(link->path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
		return client_link_fail(ERR_INVALID, out_error,
								"the socket's path is too long, at most %zu characters: %s",
								sizeof((struct sockaddr_un *)NULL)->sun_path - 1, link->path);
	link->since = clock_now();
	link->broken = ERR_OK;
	link->ended = false;
	struct result result = {.code = CURLE_OUT_OF_MEMORY};
	if (set_options(link) && set_question(link, question, url))
		result = run(link);
	const struct client_answer answer = {.status = status_of(link)};
	bool listened = link->take && answer.status == 200;
	bool ended = link->ended || (result.signalled && !link->broken);
	if (link->take ? !ended && (listened || result.code) : result.code != CURLE_OK)
		return explain(link, &result, out_error);
	*out_answer = answer;
	/* An answer without a body has a text too. */
	if (!listened && !ended) {
		if (!reserve(link, 0))
			return client_link_fail(ERR_NO_MEMORY, out_error, "%s", err_text(ERR_NO_MEMORY));
		link->text[link->size] = '\0';
		out_answer->size = link->size;
		out_answer->text = cleanup_steal(link->text);
	}
	return ERR_OK;
}

enum err client_link_ask(struct client_link *link, const struct client_question *question,
						 struct client_answer *out_answer, struct view_error *out_error) {
	link->take = NULL;
	link->maximum = CTL_CLIENT_ANSWER_MAX;
	enum err error = ask(link, question, out_answer, out_error);
	forget(link);
	return error;
}

enum err client_link_listen(struct client_link *link, const char *path,
							bool (*take)(void *context, const char *line, size_t size),
							void *context, struct client_answer *out_answer,
							struct view_error *out_error) {
	const struct client_question question = {.method = "GET", .path = path};
	link->take = take;
	link->context = context;
	link->maximum = LINE_MAX_SIZE;
	enum err error = ask(link, &question, out_answer, out_error);
	if (!error && !out_answer->text)
		out_answer->status = 200;
	forget(link);
	return error;
}

enum err client_link_new(const char *socket, struct client_link **out_link) {
	if (client_memory_init())
		return ERR_NO_MEMORY;
	struct client_link *link = calloc(1, sizeof *link);
	if (!link) {
		client_memory_done();
		return ERR_NO_MEMORY;
	}
	link->path = strdup(socket);
	link->multi = curl_multi_init();
	link->easy = curl_easy_init();
	/* "Expect" would have it wait for permission to send a large body. */
	link->headers = curl_slist_append(NULL, "Expect:");
	if (link->headers && curl_slist_append(link->headers, "Content-Type: application/json") &&
		link->path && link->multi && link->easy) {
		*out_link = link;
		return ERR_OK;
	}
	client_link_free(link);
	return ERR_NO_MEMORY;
}

void client_link_free(struct client_link *link) {
	if (!link)
		return;
	forget(link);
	curl_easy_cleanup(link->easy);
	(void)curl_multi_cleanup(link->multi);
	curl_slist_free_all(link->headers);
	free(link->path);
	free(link);
	client_memory_done();
}
