#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/status_text.h"
#include "cli/text_buffer.h"
#include "ctl/client.h"

enum { JSON, AFTER, SOCKET };

const struct command_option events_options[] = {
	[JSON] = {"--json", NULL, "each event as a line of JSON", false},
	[AFTER] = {"--after", "N", "first those kept that came after event N; 0: all that are kept",
			   false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char events_help[] =
	"Prints what happens in the daemon, a line an event with its time, kind, tunnel,\n"
	"peer and a message, until Ctrl-C or until the daemon ends (exit code 3).\n";

struct listening {
	const struct streams *streams;
	bool json;
	int status;
};

static bool take(void *context, const struct view_event *event, const char *text, size_t size) {
	struct listening *listening = context;
	if (listening->json) {
		listening->status = connection_print(listening->streams, text, size);
	} else {
		const struct status_style style = {.colours = output_has_colours(listening->streams)};
		auto_text_buffer struct text_buffer line = {0};
		status_text_event(&line, event, &style);
		listening->status = output_buffer(listening->streams, &line);
	}
	return listening->status == STATUS_OK;
}

int events_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, "events", events_options, 0, 0, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	uint64_t after = UINT64_MAX;
	const char *value = line.values[AFTER];
	if (value && text_unsigned_parse(value, strlen(value), INT64_MAX, &after)) {
		output_message(streams, "events: --after takes the number of an event");
		return STATUS_USAGE;
	}
	struct ctl_client *client;
	status = connection_open(streams, "events", line.values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	struct listening listening = {streams, line.values[JSON] != NULL, STATUS_OK};
	struct view_error problem = {0};
	connection_end_on_signals();
	enum err error = ctl_client_events(client, after, take, &listening, &problem);
	ctl_client_free(client);
	if (listening.status != STATUS_OK)
		return listening.status;
	if (error && error != ERR_CLOSED)
		return connection_fail(streams, "events", error, &problem);
	view_error_done(&problem);
	output_message(streams, "events: the daemon has ended");
	return STATUS_NO_DAEMON;
}
