#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/stream_outbox.h"
#include "tunnel/stream_host.h"
#include "wire/process.h"

/*
 * The surroundings of a tunnel of streams (tunnel/stream_host.h) in the net process: sockets that
 * the privileged process opens, some of them before they are needed, names that the control process
 * resolves, and strangers that it serves. All of it on the tunnel's own thread.
 */

enum {
	STREAM_SOCKETS_AHEAD = 16,   /* of a kind that was needed before; open and not in use */
	STREAM_QUESTIONS_MAX = 1024, /* that wait for an answer */
	STREAM_QUESTION_SECONDS = 15,
};

struct stream_surroundings;

/* loop and outbox outlive it; prefix is the caller's, too. ERR_UNSUPPORTED: no such back end. */
enum err stream_surroundings_new(struct control_loop *loop, struct stream_outbox *outbox,
								 const char *aead, const char *prefix,
								 struct stream_surroundings **out_surroundings);
/* Nobody may wait for anything any more. NULL-safe. */
void stream_surroundings_free(struct stream_surroundings *surroundings);

const struct stream_host *stream_surroundings_host(const struct stream_surroundings *surroundings);

/* Answers of other processes. The descriptors are taken over. */
void stream_surroundings_sockets(struct stream_surroundings *surroundings,
								 const struct process_sockets *answer, const int *descriptors,
								 size_t count);
void stream_surroundings_resolved(struct stream_surroundings *surroundings,
								  const struct process_resolved *answer);
/* Sockets that nobody has yet may not be what is wanted any more: closes them. */
void stream_surroundings_forget_sockets(struct stream_surroundings *surroundings);
