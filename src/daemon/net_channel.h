#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/channel.h"
#include "daemon/net.h"

/* The net process's end of its channel to the privileged process. */

/* Messages that came while a reply was waited for; requests beyond it are refused. */
enum { NET_CHANNEL_KEPT_MAX = 512 };

struct net_channel {
	bool lost;      /* a request was not answered in time */
	int descriptor; /* borrowed */
	uint16_t request;
	struct list kept; /* in order of arrival */
	size_t kept_count;
};

/* One tunnel's share of it. */
struct net_channel_tunnel {
	struct net_channel *channel;
	uint16_t slot;
};

void net_channel_init(struct net_channel *channel, int descriptor);
/* Closes the descriptors of kept messages. */
void net_channel_done(struct net_channel *channel);

/* The next message, a kept one first. Errors as of channel_receive(). */
enum err net_channel_next(struct net_channel *channel, struct channel_message *out_message);

enum err net_channel_ready(struct net_channel *channel);

/* RESULT of a request; number is errno's, text what to tell a person. */
void net_channel_answer(struct net_channel *channel, const struct process_message *request,
						int number, const char *text);

/* A device's callbacks over its share, which outlives it; event, resolve and stranger, which go to
 * another process, are the caller's to fill in. */
struct net_callbacks net_channel_callbacks(struct net_channel_tunnel *tunnel);
