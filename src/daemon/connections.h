#pragma once

#include "base/error.h"

/* The connections of the configuration socket: operations in, answers out. */

enum {
	CONNECTIONS_MAX = 16,         /* served at a time */
	CONNECTIONS_WAITING_MAX = 64, /* waiting for a place */
};

struct connections;
struct loop;
struct net_device;
struct net_device_ops;

/* loop and device outlive it. */
enum err connections_new(struct loop *loop, const struct net_device_ops *ops,
						 struct net_device *device, struct connections **out_connections);
/* Closes all of them. */
void connections_free(struct connections *connections);

/* Takes the descriptor over, a non-blocking stream; closes it when there are too many. */
void connections_add(struct connections *connections, int descriptor);
