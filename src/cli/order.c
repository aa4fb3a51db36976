#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/text_buffer.h"
#include "ctl/client.h"

/* Orders to the daemon that it answers with a message: up, down, reload, log. */

enum { SOCKET, TUNNELS_MAX = 1024, BODY_SIZE = 64 };

const struct command_option order_options[] = {
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char up_help[] =
	"Brings tunnels up. At the daemon's next start those with 'autostart' come up, unless\n"
	"they were taken down since; others have to be brought up again.\n";

const char down_help[] =
	"Takes tunnels down: the interface and its routes go. They stay down, also "
	"over a\nrestart of the daemon, until 'umbra up'.\n";

const char reload_help[] =
	"Reads the configuration again and applies what is different; sessions of peers\n"
	"that stay as they are go on. A configuration with faults changes nothing: they\n"
	"are printed on standard error and the exit code is 1.\n";

const char log_help[] = "Sets how much the daemon logs until it ends or reloads: silent, error, "
						"warning,\ninfo or debug.\n";

/* Nobody is there to release it. */
static void hint(const struct streams *streams, const char *name, int status) {
	if (status == STATUS_NO_DAEMON && strcmp(name, "down") == 0)
		output_message(streams,
					   "%s: a kill switch stays without the daemon; umbrad --unblock takes it away",
					   name);
}

static int give(const struct streams *streams, const char *name, struct ctl_client *client,
				const char *method, const char *path, const char *body) {
	struct view_error problem = {0};
	auto_free char *message = NULL;
	enum err error = ctl_client_do(client, method, path, body, &message, &problem);
	if (error)
		return connection_fail(streams, name, error, &problem);
	auto_text_buffer struct text_buffer line = {0};
	text_buffer_add_clean(&line, message ? message : "done");
	text_buffer_add(&line, "\n");
	return output_buffer(streams, &line);
}

/* Every tunnel is tried; the worst of the exit codes is returned. */
static int order_tunnels(const struct streams *streams, const char *name, int count,
						 char **arguments) {
	struct command_line line;
	int worst =
		command_parse(streams, name, order_options, 1, TUNNELS_MAX, count, arguments, &line);
	if (worst != STATUS_OK)
		return worst;
	struct ctl_client *client;
	worst = connection_open(streams, name, line.values[SOCKET], &client);
	hint(streams, name, worst);
	if (worst != STATUS_OK)
		return worst;
	for (int i = 0; i < line.count && worst != STATUS_NO_DAEMON; i++) {
		auto_text_buffer struct text_buffer path = {0};
		text_buffer_add(&path, "/v1/tunnels/");
		text_buffer_add_segment(&path, line.operands[i]);
		text_buffer_add(&path, "/%s", name);
		int status = path.failed ? output_buffer(streams, &path)
								 : give(streams, name, client, "POST", path.text, NULL);
		worst = status > worst ? status : worst;
	}
	ctl_client_free(client);
	hint(streams, name, worst);
	return worst;
}

int up_run(const struct streams *streams, int count, char **arguments) {
	return order_tunnels(streams, "up", count, arguments);
}

int down_run(const struct streams *streams, int count, char **arguments) {
	return order_tunnels(streams, "down", count, arguments);
}

static int order(const struct streams *streams, const char *name, const char *socket,
				 const char *method, const char *path, const char *body) {
	struct ctl_client *client;
	int status = connection_open(streams, name, socket, &client);
	if (status != STATUS_OK)
		return status;
	status = give(streams, name, client, method, path, body);
	ctl_client_free(client);
	return status;
}

int reload_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, "reload", order_options, 0, 0, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	return order(streams, "reload", line.values[SOCKET], "POST", "/v1/reload", NULL);
}

int log_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, "log", order_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	enum log_level level;
	if (!log_level_parse(line.operands[0], &level)) {
		output_message(streams, "log: '%s' is no level: silent, error, warning, info or debug",
					   command_repeatable(line.operands[0]));
		return STATUS_USAGE;
	}
	char body[BODY_SIZE];
	(void)snprintf(body, sizeof body, "{\"level\":\"%s\"}", log_level_name(level));
	return order(streams, "log", line.values[SOCKET], "PUT", "/v1/log", body);
}
