#pragma once

#include <stdint.h>

#include "daemon/channel.h"
#include "daemon/net.h"

/* The net process's end of its channel: requests with their replies, messages kept meanwhile. */

enum { NET_CHANNEL_KEPT_MAX = 80 };

struct net_channel {
	bool lost;      /* a request was not answered in time */
	int descriptor; /* borrowed */
	uint16_t request;
	struct channel_message kept[NET_CHANNEL_KEPT_MAX]; /* in order of arrival */
	size_t first, count;                               /* a ring */
};

void net_channel_init(struct net_channel *channel, int descriptor);
/* Closes the descriptors of kept messages. */
void net_channel_done(struct net_channel *channel);

/* The next message, a kept one first. Errors as of channel_receive(). */
enum err net_channel_next(struct net_channel *channel, struct channel_message *out_message);

enum err net_channel_ready(struct net_channel *channel);

/* The device's callbacks, over this channel. */
struct net_callbacks net_channel_callbacks(struct net_channel *channel);
