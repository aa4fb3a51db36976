#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/process.h"

/* Requests to another process that wait for their replies. */

enum { CONTROL_PENDING_MAX = 256 };

struct control_reply {
	int number;       /* errno, 0: success */
	const char *text; /* for a person; may be empty */
	int descriptor;   /* of TEXT, gone after done(); -1: none */
};

struct control_asked {
	uint16_t request;       /* 0: free */
	bool failing;           /* the table's own */
	enum process_type type; /* of the reply */
	uint64_t deadline;
	void (*done)(void *context, const struct control_reply *reply);
	void *context;
};

/* Zeroed is empty. done() is called once for each, and may ask anew. */
struct control_pending {
	struct control_asked items[CONTROL_PENDING_MAX];
	size_t count;
	uint16_t last;
};

/* ERR_LIMIT: too many wait. asked.request is chosen here. */
enum err control_pending_add(struct control_pending *pending, const struct control_asked *asked,
							 uint16_t *out_request);
/* Takes it off without done(). */
void control_pending_forget(struct control_pending *pending, uint16_t request);
/* A reply that nobody waits for any more is passed over. */
void control_pending_answer(struct control_pending *pending, enum process_type type,
							uint16_t request, const struct control_reply *reply);
/* All that wait. */
void control_pending_fail(struct control_pending *pending, int number, const char *text);
/* Fails what waited too long with ETIMEDOUT; returns the next deadline. */
uint64_t control_pending_expire(struct control_pending *pending, uint64_t now);
