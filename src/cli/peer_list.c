#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/status_text.h"
#include "cli/text_buffer.h"
#include "ctl/client.h"

/* peer list, peer show */

enum { JSON, SOCKET };

const struct command_option peer_list_options[] = {
	[JSON] = {"--json", NULL, "as JSON, with all that is known", false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char peer_list_help[] = "Lists all peers of a tunnel, or of all tunnels, a line each.\n";

const char peer_show_help[] =
	"Shows all that the daemon knows of one peer, named by its name or public key.\n";

static struct status_style style_of(const struct streams *streams) {
	return (struct status_style){
		.colours = output_has_colours(streams),
		.verbose = true,
		.now = clock_wall_now() / CLOCK_SECOND,
	};
}

/* The daemon's answer as it is. */
static int print_answer(const struct streams *streams, const char *name, struct ctl_client *client,
						const struct text_buffer *path) {
	auto_free char *answer = NULL;
	size_t size;
	int status = path->failed ? output_buffer(streams, path)
							  : connection_get(streams, name, client, path->text, &answer, &size);
	return status == STATUS_OK ? connection_print(streams, answer, size) : status;
}

/* Peers of several tunnels, one list. */
struct peers {
	struct view_peer *items;
	size_t count;
};

static void peers_done(struct peers *peers) {
	for (size_t i = 0; i < peers->count; i++)
		view_peer_done(&peers->items[i]);
	free(peers->items);
}

/* Asks for those of one tunnel; *out_problem says what is wrong. */
static enum err add_tunnel(struct ctl_client *client, const char *tunnel, struct peers *peers,
						   struct view_error *out_problem) {
	struct peers more;
	enum err error = ctl_client_peers(client, tunnel, &more.items, &more.count, out_problem);
	if (error || more.count == 0) {
		if (!error)
			free(more.items);
		return error;
	}
	struct view_peer *items = realloc(peers->items, (peers->count + more.count) * sizeof *items);
	if (!items) {
		peers_done(&more);
		return ERR_NO_MEMORY;
	}
	for (size_t i = 0; i < more.count; i++)
		items[peers->count + i] = more.items[i];
	free(more.items);
	peers->items = items;
	peers->count += more.count;
	return ERR_OK;
}

static enum err add_all(struct ctl_client *client, struct peers *peers,
						struct view_error *out_problem) {
	struct view_status view;
	enum err error = ctl_client_status(client, 0, &view, out_problem);
	if (error)
		return error;
	for (size_t i = 0; !error && i < view.tunnel_count; i++)
		error = add_tunnel(client, view.tunnels[i].name, peers, out_problem);
	view_status_done(&view);
	return error;
}

static int print_peers(const struct streams *streams, const struct peers *peers, bool with_tunnel,
					   bool json) {
	if (json) {
		auto_free char *text = NULL;
		size_t size;
		if (!view_peers_encode(peers->items, peers->count, &text, &size))
			return connection_print(streams, text, size);
		output_message(streams, "peer list: out of memory");
		return STATUS_FAILED;
	}
	const struct status_style style = style_of(streams);
	auto_text_buffer struct text_buffer text = {0};
	status_text_peers(&text, peers->items, peers->count, with_tunnel, &style);
	return output_buffer(streams, &text);
}

/* tunnel NULL: of all of them. */
static int list(const struct streams *streams, struct ctl_client *client, const char *tunnel,
				bool json) {
	__attribute__((cleanup(peers_done))) struct peers peers = {0};
	struct view_error problem = {0};
	enum err error =
		tunnel ? add_tunnel(client, tunnel, &peers, &problem) : add_all(client, &peers, &problem);
	if (error)
		return connection_fail(streams, "peer list", error, &problem);
	return print_peers(streams, &peers, !tunnel, json);
}

int peer_list_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status =
		command_parse(streams, "peer list", peer_list_options, 0, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	struct ctl_client *client;
	status = connection_open(streams, "peer list", line.values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	if (line.count == 1 && line.values[JSON]) {
		auto_text_buffer struct text_buffer path = {0};
		text_buffer_add(&path, "/v1/tunnels/");
		text_buffer_add_segment(&path, line.operands[0]);
		text_buffer_add(&path, "/peers");
		status = print_answer(streams, "peer list", client, &path);
	} else {
		status = list(streams, client, line.count == 1 ? line.operands[0] : NULL,
					  line.values[JSON] != NULL);
	}
	ctl_client_free(client);
	return status;
}

static int show(const struct streams *streams, struct ctl_client *client, const char *tunnel,
				const char *peer) {
	struct view_peer view;
	struct view_error problem = {0};
	enum err error = ctl_client_peer(client, tunnel, peer, &view, &problem);
	if (error)
		return connection_fail(streams, "peer show", error, &problem);
	const struct status_style style = style_of(streams);
	auto_text_buffer struct text_buffer text = {0};
	status_text_peer(&text, &view, 0, &style);
	view_peer_done(&view);
	return output_buffer(streams, &text);
}

int peer_show_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status =
		command_parse(streams, "peer show", peer_list_options, 2, 2, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	struct ctl_client *client;
	status = connection_open(streams, "peer show", line.values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	if (line.values[JSON]) {
		auto_text_buffer struct text_buffer path = {0};
		text_buffer_add(&path, "/v1/tunnels/");
		text_buffer_add_segment(&path, line.operands[0]);
		text_buffer_add(&path, "/peers/");
		text_buffer_add_segment(&path, line.operands[1]);
		status = print_answer(streams, "peer show", client, &path);
	} else {
		status = show(streams, client, line.operands[0], line.operands[1]);
	}
	ctl_client_free(client);
	return status;
}
