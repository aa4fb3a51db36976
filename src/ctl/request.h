#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/slice.h"
#include "ctl/server.h"

/*
 * One request of a connection and its answer.
 *
 *      head               body               taken, maybe suspended      answered
 *     ──────▶ COLLECTING ──────▶ take() ───────────────────────────▶ sent by the library
 *
 * Two hold it: the library until the answer is sent or the connection is gone, and who was asked
 * until it answers. It is freed when both are done.
 */

enum {
	/* Bytes of too large a body that are read and thrown away, as who sends without reading would
	 * not see the answer. */
	REQUEST_DISCARD_MAX = 16 << 20,
};

/* All requests of a server. */
struct request_host {
	/* A whole request; what it points to is gone when this returns. */
	void (*take)(void *context, struct ctl_request *request);
	/* One is not suspended any more: the library is to run soon, in another turn of the loop. */
	void (*woken)(void *context);
	void *context;
	struct list requests;
};

void request_host_init(struct request_host *host);
/* Wakes what is suspended; nothing is asked afterwards. */
void request_host_wake(struct request_host *host);
/*
 * After the library's end: frees those that are not answered, or hands those that somebody may
 * still answer to a list of the caller's (NULL: none), who frees what is left of it at last.
 */
void request_host_done(struct request_host *host, struct list *heirs);
void request_list_free(struct list *requests);

/* What the library calls; the first's context is the host. */
enum MHD_Result request_handle(void *context, struct MHD_Connection *connection, const char *path,
							   const char *method, const char *version, const char *data,
							   size_t *size, void **state);
void request_completed(void *context, struct MHD_Connection *connection, void **state,
					   enum MHD_RequestTerminationCode code);

/* While it is taken. */
const char *request_method(const struct ctl_request *request);
const char *request_path(const struct ctl_request *request); /* as sent */
/* A value of the query; NULL: it is not there. */
const char *request_argument(const struct ctl_request *request, const char *name);
bool request_has_body(const struct ctl_request *request); /* maybe an empty one */
struct slice request_body(const struct ctl_request *request);

/* Answers; each ends who was asked's part. */

/* JSON of size bytes, taken over. allow: of 405, else NULL. */
void request_answer(struct ctl_request *request, unsigned status, const char *allow, char *json,
					size_t size);
/* The same of another type than JSON, which may be kept by nobody either. */
void request_answer_text(struct ctl_request *request, const char *type, char *text, size_t size);
/* JSON with a view_error. */
void request_refuse(struct ctl_request *request, unsigned status, const char *allow,
					const char *code, const char *message);
/* With a response, taken over; NULL: the connection is closed instead. */
void request_give(struct ctl_request *request, unsigned status, struct MHD_Response *response);

/* For answers in pieces, until request_completed(): */

/* The library calls for no more pieces until it is woken. */
void request_suspend(struct ctl_request *request);
void request_wake(struct ctl_request *request);
/* The connection's end, seen in a later turn of the loop. */
void request_cut(struct ctl_request *request);
/* Whether the other side is gone, which nobody notices while it is suspended. */
bool request_is_deserted(const struct ctl_request *request);
