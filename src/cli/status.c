#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/status_text.h"
#include "cli/text_buffer.h"
#include "ctl/client.h"

enum { JSON, WATCH, PEERS, VERBOSE, SOCKET };

enum {
	WATCH_SECONDS = 2,
	WATCH_SECONDS_MAX = 86400,
	PEERS_MAX = 1000000,
};

const struct command_option status_options[] = {
	[JSON] = {"--json", NULL, "what the daemon answered, as JSON", false},
	[WATCH] = {"--watch", "SECONDS", "again and again, every 2 seconds, until Ctrl-C", true},
	[PEERS] = {"--peers", "N", "how many peers of each tunnel to show, those seen last first; 50",
			   false},
	[VERBOSE] = {"--verbose", NULL, "the figures of each data path as well, by shard", false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char status_help[] =
	"Shows the daemon, its tunnels and their peers, or one tunnel. A peer is\n"
	"  idle        never seen, and nothing to send to it\n"
	"  resolving   its endpoint's name has no address yet\n"
	"  connecting  it has not answered\n"
	"  connected   seen within the last three minutes; of streams: there is a connection\n"
	"  quiet       seen, but longer ago\n"
	"and comes from the configuration (file), from 'umbra peer add' (store), or from wg(8).\n";

static int parse_number(const struct streams *streams, const char *name, const char *value,
						uint64_t least, uint64_t most, uint64_t *out_number) {
	uint64_t number;
	if (text_unsigned_parse(value, strlen(value), most, &number) || number < least) {
		output_message(streams, "status: %s takes a number from %" PRIu64 " to %" PRIu64, name,
					   least, most);
		return STATUS_USAGE;
	}
	*out_number = number;
	return STATUS_OK;
}

/* The answer as text for people. */
static enum err format(const struct status_style *style, bool tunnel, const char *answer,
					   size_t size, struct text_buffer *text) {
	enum err error;
	if (tunnel) {
		struct view_tunnel view;
		error = view_tunnel_decode(answer, size, &view);
		if (!error) {
			status_text_tunnel(text, &view, style);
			view_tunnel_done(&view);
		}
	} else {
		struct view_status view;
		error = view_status_decode(answer, size, &view);
		if (!error) {
			status_text(text, &view, style);
			view_status_done(&view);
		}
	}
	return error;
}

/* begin is written before the status, in the same piece. */
static int show(const struct streams *streams, const struct command_line *line, uint64_t peers,
				const char *begin) {
	const char *tunnel = line->count > 0 ? line->operands[0] : NULL;
	struct ctl_client *client;
	int status = connection_open(streams, "status", line->values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	auto_text_buffer struct text_buffer path = {0};
	text_buffer_add(&path, tunnel ? "/v1/tunnels/" : "/v1/status");
	if (tunnel)
		text_buffer_add_segment(&path, tunnel);
	text_buffer_add(&path, "?peers=%" PRIu64, peers);
	auto_free char *answer = NULL;
	size_t size;
	status = path.failed ? output_buffer(streams, &path)
						 : connection_get(streams, "status", client, path.text, &answer, &size);
	ctl_client_free(client);
	if (status != STATUS_OK)
		return status;
	if (line->values[JSON])
		return connection_print(streams, answer, size);
	auto_text_buffer struct text_buffer text = {0};
	text_buffer_add(&text, "%s", begin);
	const struct status_style style = {
		.colours = output_has_colours(streams),
		.now = clock_wall_now() / CLOCK_SECOND,
		.verbose = line->values[VERBOSE] != NULL,
	};
	enum err error = format(&style, tunnel != NULL, answer, size, &text);
	if (error) {
		output_message(streams, "status: the daemon's answer: %s", err_text(error));
		return STATUS_FAILED;
	}
	return output_buffer(streams, &text);
}

/* ECMA-48: the cursor to the top left corner, then everything erased. */
static const char clear_screen[] = "\x1b[H\x1b[2J";

int status_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, "status", status_options, 0, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	uint64_t seconds = WATCH_SECONDS, peers = VIEW_PEERS_SHOWN;
	const char *watch = line.values[WATCH];
	if (line.values[PEERS])
		status = parse_number(streams, "--peers", line.values[PEERS], 0, PEERS_MAX, &peers);
	if (status == STATUS_OK && watch && *watch)
		status = parse_number(streams, "--watch", watch, 1, WATCH_SECONDS_MAX, &seconds);
	if (status != STATUS_OK)
		return status;
	if (!watch)
		return show(streams, &line, peers, "");
	bool redraw = isatty(streams->output) && !line.values[JSON];
	connection_end_on_signals();
	/* A daemon that is not there at the start may be a mistake; later it is worth waiting for. */
	status = show(streams, &line, peers, redraw ? clear_screen : "");
	while (status == STATUS_OK) {
		(void)sleep((unsigned)seconds);
		status = show(streams, &line, peers, redraw ? clear_screen : "\n");
		if (status == STATUS_NO_DAEMON)
			status = STATUS_OK;
	}
	return status;
}
