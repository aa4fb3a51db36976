#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "daemon/channel.h"
#include "daemon/control_pending.h"

/*
 * The control process's end of a channel: requests with their replies, and a queue for what the
 * other side has no room for yet. Nothing here waits.
 */

struct control_loop;
struct control_watch;

enum { CONTROL_QUEUE_MAX = 1024 /* messages */ };

struct control_channel_options {
	struct control_loop *loop;
	/* Every message that is no reply. Descriptors that are left are closed afterwards. */
	void (*receive)(void *context, struct channel_message *message);
	/* The other side is gone, or sent nonsense: the channel is closed already. */
	void (*lost)(void *context, enum err error);
	/* After a batch of messages. */
	void (*settled)(void *context);
	void *context;
};

struct control_channel {
	struct control_channel_options options;
	int descriptor; /* -1: closed */
	uint64_t run;   /* of opening */
	struct control_watch *watch;
	struct control_pending pending;
	struct list queue;
	size_t queued;
};

void control_channel_init(struct control_channel *channel,
						  const struct control_channel_options *options);
/* Takes the descriptor over, also on failure. Closes the one of before. */
enum err control_channel_open(struct control_channel *channel, int descriptor);
/* What waits fails with EPIPE. */
void control_channel_close(struct control_channel *channel);

/* The descriptor (-1: none) stays the caller's. ERR_CLOSED, ERR_LIMIT, ERR_INVALID, ERR_NO_MEMORY.
 */
enum err control_channel_send(struct control_channel *channel,
							  const struct process_message *message, int descriptor);
/*
 * A request. On success done() is called once, later, with ETIMEDOUT after 25 s;
 * type is the reply's.
 */
enum err control_channel_ask(struct control_channel *channel, struct process_message *message,
							 int descriptor, enum process_type type,
							 void (*done)(void *context, const struct control_reply *reply),
							 void *context);
