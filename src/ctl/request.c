#include "ctl/request.h"

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/text.h"
#include "base/wipe.h"
#include "ctl/view.h"
#include "ctl/view_json.h"

struct ctl_request {
	struct list link;
	struct request_host *host;
	struct MHD_Connection *connection; /* NULL: sent or gone */
	const char *method, *path;         /* the library's */
	struct view_text body;
	uint64_t body_size; /* bytes that came, also those thrown away */
	bool taken;         /* take() was called */
	bool asked;         /* and nobody has answered since */
	bool suspended;
	bool broken; /* there is no answer: the connection ends */
	unsigned status;
	struct MHD_Response *response; /* NULL: not there yet, or the library has it */
};

void request_host_init(struct request_host *host) {
	list_init(&host->requests);
}

static struct ctl_request *request_of(struct list *link) {
	return list_item(link, struct ctl_request, link);
}

static void free_request(struct ctl_request *request) {
	list_remove(&request->link);
	view_text_done(&request->body);
	if (request->response)
		MHD_destroy_response(request->response);
	free(request);
}

void request_host_wake(struct request_host *host) {
	list_for_each (link, &host->requests)
		request_wake(request_of(link));
}

void request_list_free(struct list *requests) {
	list_for_each (link, requests)
		free_request(request_of(link));
}

void request_host_done(struct request_host *host, struct list *heirs) {
	list_for_each (link, &host->requests) {
		if (!heirs || !request_of(link)->asked)
			continue;
		list_remove(link);
		list_append(heirs, link);
	}
	request_list_free(&host->requests);
}

const char *request_method(const struct ctl_request *request) {
	return request->method;
}

const char *request_path(const struct ctl_request *request) {
	return request->path;
}

const char *request_argument(const struct ctl_request *request, const char *name) {
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

static const char *header(const struct ctl_request *request, const char *name) {
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

bool request_has_body(const struct ctl_request *request) {
	return header(request, MHD_HTTP_HEADER_CONTENT_LENGTH) ||
		   header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

struct slice request_body(const struct ctl_request *request) {
	return slice_of(request->body.data, request->body.size);
}

/* Answers */

void request_give(struct ctl_request *request, unsigned status, struct MHD_Response *response) {
	request->asked = false;
	request->status = status;
	request->response = response;
	request->broken = !response;
	if (request->connection)
		request_wake(request); /* the library calls again for it, unless it is calling now */
	else
		free_request(request);
}

static void answer(struct ctl_request *request, unsigned status, const char *type,
				   const char *allow, char *text, size_t size) {
	struct MHD_Response *response =
		MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
	} else if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) != MHD_YES ||
			   MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") !=
				   MHD_YES ||
			   (allow &&
				MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow) != MHD_YES)) {
		MHD_destroy_response(response);
		response = NULL;
	}
	request_give(request, status, response);
}

void request_answer(struct ctl_request *request, unsigned status, const char *allow, char *json,
					size_t size) {
	answer(request, status, "application/json", allow, json, size);
}

void request_answer_text(struct ctl_request *request, const char *type, char *text, size_t size) {
	answer(request, 200, type, NULL, text, size);
}

void request_refuse(struct ctl_request *request, unsigned status, const char *allow,
					const char *code, const char *message) {
	const struct view_error view = {status, (char *)(uintptr_t)code, (char *)(uintptr_t)message};
	char *json = NULL;
	size_t size = 0;
	if (view_error_encode(&view, &json, &size)) {
		request_give(request, 0, NULL);
		return;
	}
	json[size] = '\n'; /* where the NUL was: for people with curl */
	request_answer(request, status, allow, json, size + 1);
}

static void refuse_size(struct ctl_request *request) {
	request_refuse(request, 413, NULL, "too_large", "the body is too large");
}

/* Suspending */

void request_suspend(struct ctl_request *request) {
	request->suspended = true;
	MHD_suspend_connection(request->connection);
}

void request_wake(struct ctl_request *request) {
	if (!request->suspended)
		return;
	request->suspended = false;
	MHD_resume_connection(request->connection);
	request->host->woken(request->host->context);
}

static int descriptor_of(const struct ctl_request *request) {
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info ? info->connect_fd : -1;
}

void request_cut(struct ctl_request *request) {
	if (request->connection)
		(void)shutdown(descriptor_of(request), SHUT_RDWR);
}

bool request_is_deserted(const struct ctl_request *request) {
	struct pollfd poll_descriptor = {.fd = descriptor_of(request)};
	return poll(&poll_descriptor, 1, 0) == 1;
}

/* What the library calls */

static enum MHD_Result send_response(struct ctl_request *request) {
	if (!request->response)
		return MHD_NO; /* it closes the connection */
	enum MHD_Result result =
		MHD_queue_response(request->connection, request->status, request->response);
	MHD_destroy_response(request->response);
	request->response = NULL;
	return result;
}

/* The head is there. The library would take a body of any size. */
static enum MHD_Result begin(struct request_host *host, struct MHD_Connection *connection,
							 const char *path, const char *method, void **state) {
	struct ctl_request *request = calloc(1, sizeof *request);
	if (!request)
		return MHD_NO;
	request->host = host;
	request->connection = connection;
	request->method = method;
	request->path = path;
	list_append(&host->requests, &request->link);
	*state = request;
	const char *announced = header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t size = 0;
	if (announced && text_unsigned_parse(announced, strlen(announced), INT64_MAX, &size))
		size = UINT64_MAX;
	/* Who asks beforehand, or has too much to tell, is answered at once. */
	if (size <= CTL_BODY_MAX ||
		(size <= REQUEST_DISCARD_MAX && !header(request, MHD_HTTP_HEADER_EXPECT)))
		return MHD_YES;
	request->taken = true;
	refuse_size(request);
	return send_response(request);
}

static enum MHD_Result collect(struct ctl_request *request, const char *data, size_t size) {
	request->body_size += size;
	if (request->body_size <= CTL_BODY_MAX)
		view_text_add(&request->body, data, size);
	else
		view_text_done(&request->body);
	/* Keys stay nowhere; the library does not look at what was taken. */
	wipe((void *)(uintptr_t)data, size);
	return request->body_size <= REQUEST_DISCARD_MAX ? MHD_YES : MHD_NO;
}

static void take(struct ctl_request *request) {
	request->taken = request->asked = true;
	if (request->body_size > CTL_BODY_MAX)
		refuse_size(request);
	else if (request->body.failed)
		request_refuse(request, 503, NULL, "unavailable", err_text(ERR_NO_MEMORY));
	else
		request->host->take(request->host->context, request);
	view_text_done(&request->body);
}

enum MHD_Result request_handle(void *context, struct MHD_Connection *connection, const char *path,
							   const char *method, const char *version, const char *data,
							   size_t *size, void **state) {
	struct ctl_request *request = *state;
	if (!request)
		return begin(context, connection, path, method, state);
	if (*size > 0) {
		size_t given = *size;
		*size = 0;
		return collect(request, data, given);
	}
	if (!request->taken)
		take(request);
	if (!request->asked)
		return send_response(request);
	request_suspend(request);
	return MHD_YES;
}

void request_completed(void *context, struct MHD_Connection *connection, void **state,
					   enum MHD_RequestTerminationCode code) {
	struct ctl_request *request = *state;
	*state = NULL;
	if (!request)
		return;
	request->connection = NULL;
	request->suspended = false;
	if (!request->asked)
		free_request(request);
}
