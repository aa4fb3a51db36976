/* Prefixes of the store's peers, for which the privileged process makes routes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control_core.h"
#include "daemon/shared_text.h"
#include "tunnel/plan.h"

/* A growing text of lines. */
struct lines {
	char *data;
	size_t size, capacity;
};

static enum err add_line(struct lines *lines, const struct prefix *prefix) {
	char text[ADDRESS_TEXT_SIZE];
	prefix_format(prefix, text);
	size_t size = strlen(text);
	if (lines->size + size + 1 > lines->capacity) {
		size_t capacity = 2 * lines->capacity + sizeof text;
		char *grown = realloc(lines->data, capacity);
		if (!grown)
			return ERR_NO_MEMORY;
		lines->data = grown;
		lines->capacity = capacity;
	}
	memcpy(lines->data + lines->size, text, size);
	lines->data[lines->size + size] = '\n';
	lines->size += size + 1;
	return ERR_OK;
}

/* The tunnel's own networks have their routes already. */
static enum err write_lines(const struct control_tunnel *tunnel, struct lines *lines) {
	enum err error = ERR_OK;
	list_for_each (link, directory_peers(tunnel->directory)) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		if (peer->origin != DIRECTORY_STORE || peer->shadowed_by)
			continue;
		for (size_t i = 0; i < peer->allowed_ip_count && !error; i++)
			if (!plan_covers(tunnel->config, &peer->allowed_ips[i]))
				error = add_line(lines, &peer->allowed_ips[i]);
	}
	return error;
}

/* Which run of which tunnel it is about. */
struct sent {
	struct control_tunnel *tunnel;
	uint64_t run;
};

static void routes_done(void *context, const struct control_reply *reply) {
	const struct sent sent = *(struct sent *)context;
	free(context);
	if (!reply->number || !control_tunnel_is_up(sent.tunnel) || sent.tunnel->run != sent.run)
		return;
	/* Sent again with the next change, or when the tunnel comes up. */
	sent.tunnel->routed = false;
	if (!sent.tunnel->control->stop)
		log_error("%s: routes of peers: %s", sent.tunnel->name,
				  reply->text[0] ? reply->text : strerror(reply->number));
}

static enum err send(struct control_tunnel *tunnel, const struct lines *lines) {
	struct sent *sent = malloc(sizeof *sent);
	if (!sent)
		return ERR_NO_MEMORY;
	*sent = (struct sent){.tunnel = tunnel, .run = tunnel->run};
	int descriptor;
	enum err error = shared_text_new(slice_of(lines->data, lines->size), &descriptor);
	if (!error) {
		struct process_message message = {.type = PROCESS_ROUTES, .tunnel = tunnel->slot};
		error = control_channel_ask(&tunnel->control->privileged, &message, descriptor,
									PROCESS_RESULT, routes_done, sent);
		(void)close(descriptor);
	}
	if (error)
		free(sent);
	return error;
}

void control_routes_send(struct control_tunnel *tunnel) {
	if (!control_tunnel_is_up(tunnel) || !tunnel->config->routes.from_peers)
		return;
	struct lines lines = {.data = NULL};
	enum err error = write_lines(tunnel, &lines);
	/* One that was started before this process may have those of an earlier one. */
	bool same = tunnel->routed && lines.size == tunnel->routes_size &&
				(lines.size == 0 || memcmp(lines.data, tunnel->routes, lines.size) == 0);
	if (!error && !same)
		error = send(tunnel, &lines);
	if (error) {
		log_error("%s: routes of peers: %s", tunnel->name, err_text(error));
		free(lines.data);
		return;
	}
	free(tunnel->routes);
	tunnel->routed = true;
	tunnel->routes = lines.data;
	tunnel->routes_size = lines.size;
}
