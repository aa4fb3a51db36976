#include "proto/phaze_connections.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/stream_link.h"
#include "proto/phaze_dial.h"
#include "proto/phaze_gate.h"
#include "wire/phaze_stream.h"

/* One that has said something. */
struct connection {
	struct list link;
	struct device_caller caller;
	uint64_t deadline; /* ns, of the first packet; CLOCK_NEVER: it came */
	struct slice left; /* of what is being taken, behind the present packet */
	size_t size;       /* of what is there of a packet */
	uint8_t packet[PHAZE_CONNECTION_PACKET_MAX];
};

void phaze_connections_init(struct device *device) {
	list_init(&device->connections);
}

static struct connection *connection_of(struct list *link) {
	return list_item(link, struct connection, link);
}

static void forget(struct connection *connection) {
	list_remove(&connection->link);
	free(connection);
}

void phaze_connections_done(struct device *device) {
	list_for_each (link, &device->connections)
		forget(connection_of(link));
}

static struct connection *find(const struct device *device, uint64_t number) {
	list_for_each (link, &device->connections)
		if (connection_of(link)->caller.connection == number)
			return connection_of(link);
	return NULL;
}

bool phaze_connections_exists(const struct device *device, uint64_t number) {
	return find(device, number);
}

static struct connection *add(struct device *device, const struct device_caller *caller) {
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection)
		return NULL;
	connection->caller = *caller;
	connection->deadline =
		caller->is_incoming ? phaze_control_now(device) + PHAZE_CONNECTION_TIME : CLOCK_NEVER;
	list_append(&device->connections, &connection->link);
	return connection;
}

void phaze_connections_close(struct device *device, uint64_t number) {
	struct connection *connection = find(device, number);
	if (connection)
		forget(connection);
	if (number != 0 && device->host->close)
		device->host->close(device->host->context, number);
}

/* It is of no use any more: nor is what was under way by it. */
static void give_up(struct device *device, uint64_t number) {
	phaze_connections_close(device, number);
	phaze_gate_left(device, number);
	phaze_dial_left(device, number);
}

void phaze_connections_ended(struct device *device, uint64_t number) {
	give_up(device, number);
}

uint64_t phaze_connections_run(struct device *device, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	list_for_each (link, &device->connections) {
		const struct connection *connection = connection_of(link);
		if (connection->deadline <= now)
			phaze_connections_close(device, connection->caller.connection);
		else if (connection->deadline < next)
			next = connection->deadline;
	}
	return next;
}

enum err phaze_connections_send(const struct device *device, const struct phaze_way *way,
								struct slice packet) {
	const struct device_host *host = device->host;
	return host->write ? host->write(host->context, way->connection, packet) : ERR_UNSUPPORTED;
}

enum err phaze_connections_hand_over(struct device *device, const struct phaze_way *way,
									 struct stream_link **out_link) {
	const struct device_host *host = device->host;
	struct connection *connection = find(device, way->connection);
	struct stream_link_options options = {.from = way->to};
	if (!connection || !host->hand_over)
		return ERR_NOT_FOUND;
	enum err error = host->hand_over(host->context, way->connection, &options.transport);
	if (error)
		return error;
	options.early = connection->left;
	error = stream_link_new(&options, out_link);
	forget(connection);
	return error;
}

/* Coming in: */

/* Moves bytes until there are so many. */
static bool fill(struct connection *connection, size_t wanted) {
	const size_t missing = wanted > connection->size ? wanted - connection->size : 0;
	const size_t taken = connection->left.size < missing ? connection->left.size : missing;
	if (taken > 0)
		memcpy(connection->packet + connection->size, connection->left.data, taken);
	connection->size += taken;
	connection->left = slice_of(connection->left.data + taken, connection->left.size - taken);
	return taken == missing;
}

/* A packet is there, as a whole. ERR_AGAIN: not yet. */
static enum err cut(struct connection *connection) {
	size_t wanted;
	const bool has_head = fill(connection, PHAZE_HEADER_SIZE);
	enum err error = phaze_stream_size(connection->packet, connection->size, &wanted);
	if (error)
		return error;
	if (wanted > sizeof connection->packet)
		return ERR_LIMIT;
	return has_head && fill(connection, wanted) ? ERR_OK : ERR_AGAIN;
}

/* False: nobody wants it. The connection may be gone. */
static bool take_packet(struct device *device, struct connection *connection) {
	const uint64_t number = connection->caller.connection;
	const bool is_incoming = connection->caller.is_incoming;
	struct {
		_Alignas(struct phaze_news_datagram)
			uint8_t bytes[sizeof(struct phaze_news_datagram) + PHAZE_CONNECTION_PACKET_MAX];
	} room;
	struct phaze_news_datagram *datagram = (struct phaze_news_datagram *)(void *)room.bytes;
	*datagram = (struct phaze_news_datagram){
		.news.kind = PHAZE_NEWS_DATAGRAM,
		.way = {.to = connection->caller.from, .connection = number},
		.size = connection->size,
	};
	memcpy(datagram->data, connection->packet, connection->size);
	connection->size = 0;
	connection->deadline = CLOCK_NEVER;
	if (is_incoming != (device->settings.role == PHAZE_SERVER))
		return false;
	if (is_incoming)
		return phaze_gate_receive(device, phaze_control_now(device), datagram);
	phaze_dial_receive(device, phaze_control_now(device), datagram);
	return true; /* otherwise it has hung up */
}

void phaze_connections_received(struct device *device, const struct device_caller *caller,
								struct slice data) {
	const uint64_t number = caller->connection;
	struct connection *connection = find(device, number);
	if (!connection)
		connection = add(device, caller);
	bool is_good = connection && device_sockets_are_up(&device->sockets) &&
				   (device->settings.transports & PHAZE_OVER_TCP);
	if (connection)
		connection->left = data;
	while (is_good && connection) {
		const enum err error = cut(connection);
		if (error == ERR_AGAIN)
			return;
		is_good = error == ERR_OK && take_packet(device, connection);
		connection = find(device, number);
	}
	if (!is_good)
		give_up(device, number);
}
