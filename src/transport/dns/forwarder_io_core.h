#pragma once

#include "base/list.h"
#include "transport/dns/forwarder_io.h"

/* Inside of forwarder_io.h. */

struct control_timer;
struct control_watch;
struct forwarder_io_client;

/* One of the sockets for UDP to a server. */
struct forwarder_io_socket {
	struct forwarder_io *io;
	size_t group, server, socket;
	int descriptor;
	struct control_watch *watch;
};

struct forwarder_io {
	struct forwarder_io_options options; /* without lists and descriptors */
	struct forwarder *forwarder;
	struct control_timer *timer;
	int datagrams, connections;
	struct control_watch *datagram_watch, *connection_watch;
	struct forwarder_io_socket *sockets;
	size_t socket_count;
	struct list clients, streams;
	size_t client_count, stream_count;
	uint64_t client_number;
	uint8_t *buffer; /* of a message */
};

/* After everything that may have changed deadlines. */
void forwarder_io_settle(struct forwarder_io *io);

/* forwarder_client.c: connections of clients. */
enum err forwarder_client_listen(struct forwarder_io *io);
void forwarder_client_answer(struct forwarder_io *io, uint64_t number, const uint8_t *data,
							 size_t size);
/* Closes those that say nothing; returns the next deadline. */
uint64_t forwarder_client_run(struct forwarder_io *io, uint64_t now);
void forwarder_client_done(struct forwarder_io *io);

/* forwarder_stream.c: connections to servers, one a question. */
bool forwarder_stream_ask(struct forwarder_io *io, uint32_t ticket, size_t group, size_t server,
						  const uint8_t *data, size_t size);
void forwarder_stream_drop(struct forwarder_io *io, uint32_t ticket);
void forwarder_stream_done(struct forwarder_io *io);
