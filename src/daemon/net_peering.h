#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/net.h"
#include "loop/loop.h"

/*
 * The net process's channel to the control process, which may come and go: its requests in, their
 * replies, events and questions out. The data path's process never waits for the other: events are
 * dropped when the channel is full, and no request is read before the reply to the one before is
 * away.
 */

enum { NET_PEERING_WAITING_MAX = 256 /* messages of net_peering_send() that wait for room */ };

struct net_peering {
	struct loop *loop;
	/* SET and GET, answered by net_peering_answer(); RESOLVED and VERDICT; the message's
	 * descriptors are closed after. */
	void (*request)(void *context, struct channel_message *message);
	void *context;
	struct loop_source source;
	int descriptor; /* -1: nobody is there */
	bool answering; /* reply waits for room */
	struct process_message reply;
	int reply_descriptor; /* -1: none */
	uint32_t watched;     /* events */
	struct list waiting;
	size_t waiting_count;
	struct log_kind dropped;
};

void net_peering_init(struct net_peering *peering, struct loop *loop,
					  void (*request)(void *context, struct channel_message *message),
					  void *context);
void net_peering_done(struct net_peering *peering);

/* A new control process; the channel to the one before, if any, is closed. Takes it over. */
void net_peering_take(struct net_peering *peering, int descriptor);

/* The one reply to a request; the descriptor is taken over, -1: none. */
void net_peering_answer(struct net_peering *peering, const struct process_message *reply,
						int descriptor);

/* Dropped when the channel is full, but for those of logins and the ends of their sessions. */
void net_peering_event(struct net_peering *peering, uint16_t slot, const struct net_event *event);

/*
 * A message that waits for room if it must. The descriptor (-1: none) is taken over, also on
 * failure: ERR_CLOSED: nobody is there; ERR_LIMIT; ERR_NO_MEMORY.
 */
enum err net_peering_send(struct net_peering *peering, const struct process_message *message,
						  int descriptor);
