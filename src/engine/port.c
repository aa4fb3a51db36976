#include "engine/port.h"

#include <stdlib.h>

#include "engine/engine.h"
#include "engine/shard.h"

enum err port_new(struct engine *engine, struct port **out_port) {
	uint16_t shards = engine_shards(engine);
	struct port *port = calloc(1, sizeof *port + shards * sizeof port->listeners[0]);
	if (!port)
		return ERR_NO_MEMORY;
	list_init(&port->interfaces);
	enum err error = ERR_OK;
	for (; port->shards < shards && error == ERR_OK; port->shards++)
		error =
			listener_init(&port->listeners[port->shards], port, engine_shard(engine, port->shards));
	if (error != ERR_OK) {
		port_free(port);
		return error;
	}
	*out_port = port;
	return ERR_OK;
}

void port_free(struct port *port) {
	if (!port)
		return;
	for (uint16_t i = 0; i < port->shards; i++)
		listener_done(&port->listeners[i]);
	free(port);
}

size_t port_count(const struct port *port) {
	size_t count = 0;
	list_for_each (link, &port->interfaces)
		count++;
	return count;
}
