#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"

/*
 * A bound UDP socket on the control loop, which many talk to. Version 4 addresses are version 4
 * ones, also where the socket is of version 6.
 */

enum { DATAGRAM_SOCKET_TURN_MAX = 64 }; /* datagrams of a turn of the loop */

struct control_loop;
struct datagram_socket;

struct datagram_socket_options {
	struct control_loop *loop;
	int descriptor; /* taken over, also on failure */
	/* The socket may be freed inside. */
	void (*received)(void *context, const struct endpoint *from, struct slice datagram);
	void *context;
};

/* ERR_NO_MEMORY, what the loop says, or what the descriptor is wrong with. */
enum err datagram_socket_new(const struct datagram_socket_options *options,
							 struct datagram_socket **out_socket);
void datagram_socket_free(struct datagram_socket *socket); /* NULL-safe */

/* Where it is bound to. */
struct endpoint datagram_socket_at(const struct datagram_socket *socket);

/* One datagram of both parts. What the kernel does not take is lost, as on the way. */
void datagram_socket_send(struct datagram_socket *socket, const struct endpoint *to,
						  struct slice header, struct slice payload);
