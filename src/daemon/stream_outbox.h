#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "daemon/net.h"
#include "wire/process.h"

/*
 * What a tunnel's own thread has to say to other processes, brought to net's main thread, which has
 * the channels. One thread puts, the other takes.
 */

enum { STREAM_OUTBOX_MAX = 2048 /* notices that wait */ };

enum stream_notice_kind { STREAM_NOTICE_RESOLVE, STREAM_NOTICE_STRANGER, STREAM_NOTICE_EVENT };

struct stream_notice {
	struct list link; /* the outbox's */
	enum stream_notice_kind kind;
	union {
		struct process_resolve resolve;
		struct process_stranger stranger;
		struct net_event event;
	};
	int descriptor; /* of a stranger; -1: none */
};

struct stream_outbox {
	pthread_mutex_t mutex;
	struct list notices;
	size_t count;
	uint8_t wanted[PROCESS_SOCKET_KINDS]; /* sockets; 0: none are asked for */
	/* From the thread that puts: there is something. */
	void (*wake)(void *context);
	void *context;
};

void stream_outbox_init(struct stream_outbox *outbox, void (*wake)(void *context), void *context);
/* Closes the descriptors of what is left. */
void stream_outbox_done(struct stream_outbox *outbox);

/* Copies; the descriptor is the outbox's on success. ERR_LIMIT, ERR_NO_MEMORY. */
enum err stream_outbox_put(struct stream_outbox *outbox, const struct stream_notice *notice);
/* Asks for so many of the kind, in place of what was asked for and not taken yet. */
void stream_outbox_want(struct stream_outbox *outbox, uint8_t kind, uint8_t count);

/* For the thread that takes: what could not be done, unless more is asked for meanwhile. */
void stream_outbox_want_again(struct stream_outbox *outbox, uint8_t kind, uint8_t count);

/* The next notice, the caller's to free(), with its descriptor; NULL: there is none. */
struct stream_notice *stream_outbox_take(struct stream_outbox *outbox);
/* How many of the kind are asked for; nobody asks any more. */
uint8_t stream_outbox_take_wanted(struct stream_outbox *outbox, uint8_t kind);
