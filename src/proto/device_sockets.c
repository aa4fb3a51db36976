#include "proto/device_sockets.h"

#include <errno.h>

#include "base/clock.h"
#include "proto/device_record.h"

/* A port in use is tried again so often. */
#define LISTEN_INTERVAL (5 * CLOCK_SECOND)

void device_sockets_init(struct device_sockets *sockets, const struct device_options *options) {
	*sockets = (struct device_sockets){
		.engine = options->engine,
		.host = options->host,
		.listen_at_once = options->listen_at_once,
		.next_listen = CLOCK_NEVER,
	};
}

bool device_sockets_are_up(const struct device_sockets *sockets) {
	return sockets->link_up && sockets->listening;
}

static void warn(const struct device_sockets *sockets, const char *text) {
	sockets->host->warn(sockets->host->context, text);
}

static int open_transports(struct device_sockets *sockets, uint16_t port) {
	const struct device_host *host = sockets->host;
	uint16_t bound;
	int failed = host->listen(host->context, sockets->interface, port, sockets->mark, &bound);
	if (failed)
		return failed;
	sockets->port = bound;
	sockets->listening = true;
	sockets->next_listen = CLOCK_NEVER;
	sockets->port_chosen = bound != port;
	return 0;
}

static void close_transports(struct device_sockets *sockets) {
	sockets->listening = false;
	if (interface_set_transports(sockets->interface, NULL, NULL))
		warn(sockets, "out of memory: sockets stay open");
	sockets->host->closed(sockets->host->context);
}

int device_sockets_set_port(struct device_sockets *sockets, uint16_t port) {
	if (!sockets->link_up && (sockets->restoring || !sockets->listen_at_once)) {
		sockets->port = port;
		return 0;
	}
	bool was_listening = sockets->listening;
	int failed = open_transports(sockets, port);
	if (!failed && !was_listening)
		sockets->changed = true;
	return failed;
}

int device_sockets_set_mark(struct device_sockets *sockets, uint32_t mark) {
	const struct device_host *host = sockets->host;
	int failed = sockets->listening ? host->mark(host->context, mark) : 0;
	if (!failed)
		sockets->mark = mark;
	return failed;
}

int device_sockets_edit_take(struct device_sockets_edit *edit, const struct uapi_entry *line) {
	switch (line->key) {
	case UAPI_LISTEN_PORT:
		edit->sets_port = true;
		edit->port = (uint16_t)line->number;
		return 0;
	case UAPI_FWMARK:
		edit->sets_mark = true;
		edit->mark = line->number;
		return 0;
	default:
		return EINVAL;
	}
}

int device_sockets_edit_apply(const struct device_sockets_edit *edit,
							  struct device_sockets *sockets) {
	int failed = edit->sets_port ? device_sockets_set_port(sockets, edit->port) : 0;
	if (!failed && edit->sets_mark)
		failed = device_sockets_set_mark(sockets, edit->mark);
	return failed;
}

/* After a failure it is tried again: who took the port may give it back. */
static void start_listening(struct device_sockets *sockets, bool first) {
	const struct engine_clock *clock = engine_get_options(sockets->engine)->clock;
	if (open_transports(sockets, sockets->port) == 0) {
		sockets->changed = true;
		return;
	}
	sockets->next_listen = clock->now(clock->context) + LISTEN_INTERVAL;
	if (first)
		warn(sockets, "cannot listen: is the port in use? It is tried again; `wg set` may set "
					  "another");
}

bool device_sockets_link(struct device_sockets *sockets, uint32_t mtu, bool up) {
	interface_set_mtu(sockets->interface, mtu);
	bool listen = up || sockets->listen_at_once;
	bool settled = sockets->listening == listen || sockets->next_listen != CLOCK_NEVER;
	if (up == sockets->link_up && settled)
		return false;
	sockets->link_up = up;
	sockets->changed = true;
	sockets->next_listen = CLOCK_NEVER;
	if (listen && !sockets->listening)
		start_listening(sockets, true);
	else if (!listen && sockets->listening)
		close_transports(sockets);
	device_sockets_save_port(sockets);
	return true;
}

bool device_sockets_run(struct device_sockets *sockets, uint64_t now) {
	if (sockets->next_listen > now)
		return false;
	start_listening(sockets, false);
	return true;
}

void device_sockets_save_port(struct device_sockets *sockets) {
	if (!sockets->port_chosen)
		return;
	sockets->port_chosen = false;
	struct uapi_text text = {.data = NULL};
	uapi_put_number(&text, "listen_port", sockets->port);
	if (!text.error)
		device_record_save_set(sockets->host, slice_of(text.data, text.size));
	uapi_text_done(&text);
}

void device_sockets_put(const struct device_sockets *sockets, struct uapi_text *out_text) {
	if (sockets->port)
		uapi_put_number(out_text, "listen_port", sockets->port);
	if (sockets->mark)
		uapi_put_number(out_text, "fwmark", sockets->mark);
}
