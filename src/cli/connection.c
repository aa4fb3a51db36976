#include "cli/connection.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/client.h"

const char *connection_socket(const char *option) {
	if (option)
		return option;
	const char *variable = getenv("UMBRA_SOCKET");
	return variable && *variable ? variable : CONNECTION_SOCKET;
}

int connection_open(const struct streams *streams, const char *command, const char *socket_option,
					struct ctl_client **out_client) {
	const char *socket = connection_socket(socket_option);
	enum err error = ctl_client_new(socket, out_client);
	if (!error)
		return STATUS_OK;
	output_message(streams, "%s: cannot ask the daemon at %s: %s", command, socket,
				   err_text(error));
	return error == ERR_NOT_FOUND || error == ERR_CLOSED ? STATUS_NO_DAEMON : STATUS_FAILED;
}

int connection_fail(const struct streams *streams, const char *command, enum err error,
					struct view_error *error_view) {
	bool absent = error_view->status == 0 &&
				  (error == ERR_NOT_FOUND || error == ERR_CLOSED || error == ERR_AGAIN);
	output_lines(streams, command, error_view->message ? error_view->message : err_text(error));
	view_error_done(error_view);
	*error_view = (struct view_error){0};
	return absent ? STATUS_NO_DAEMON : STATUS_FAILED;
}

int connection_get(const struct streams *streams, const char *command, struct ctl_client *client,
				   const char *path, char **out_text, size_t *out_size) {
	struct view_error problem = {0};
	enum err error = ctl_client_ask(client, "GET", path, NULL, 0, out_text, out_size, &problem);
	return error ? connection_fail(streams, command, error, &problem) : STATUS_OK;
}

int connection_print(const struct streams *streams, const char *text, size_t size) {
	int status = output_data(streams, text, size);
	if (status == STATUS_OK && (size == 0 || text[size - 1] != '\n'))
		status = output_text(streams, "\n");
	return status;
}

static void end(int number) {
	_exit(STATUS_OK);
}

void connection_end_on_signals(void) {
	const struct sigaction action = {.sa_handler = end};
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}
