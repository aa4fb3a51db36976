#include "cli/peer_bulk.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/connection.h"
#include "cli/peer_lines.h"
#include "cli/peer_request.h"
#include "ctl/client.h"

enum {
	PREFIX_SIZE = 160,
	TOLD_MAX = 20, /* refusals that are told; a wrong file must not fill the screen */
};

/* What is done with each line. */
struct bulk {
	const char *command, *done; /* "peer add", "added" */
	/* Whether the line can be asked for at all; NULL: every one. Returns an exit code. */
	int (*check)(const struct streams *streams, const char *prefix, const struct peer_line *line);
	enum err (*ask)(struct ctl_client *client, const char *tunnel, const struct peer_line *line,
					struct view_error *out_error);
};

static int make_request(const struct streams *streams, const char *prefix,
						const struct peer_line *line, struct view_peer_request *request) {
	int status = peer_request_set_name(streams, prefix, line->words[0], request);
	if (status == STATUS_OK)
		status = peer_request_set_key(streams, prefix, line->words[1], request);
	if (status == STATUS_OK && line->words[2])
		status = peer_request_set_allowed_ips(streams, prefix, line->words[2], request);
	return status;
}

static int check_add(const struct streams *streams, const char *prefix,
					 const struct peer_line *line) {
	struct view_peer_request request = {0};
	int status = make_request(streams, prefix, line, &request);
	view_peer_request_done(&request);
	/* It is the file that is wrong, not the command line. */
	return status == STATUS_OK ? STATUS_OK : STATUS_FAILED;
}

static enum err ask_add(struct ctl_client *client, const char *tunnel, const struct peer_line *line,
						struct view_error *out_error) {
	const struct streams nowhere = {-1, -1, -1}; /* what is wrong was told by check_add() */
	struct view_peer_request request = {0};
	struct view_peer peer;
	enum err error = ERR_NO_MEMORY;
	if (make_request(&nowhere, "", line, &request) == STATUS_OK)
		error = ctl_client_add_peer(client, tunnel, &request, &peer, out_error);
	if (!error)
		view_peer_done(&peer);
	view_peer_request_done(&request);
	return error;
}

static enum err ask_remove(struct ctl_client *client, const char *tunnel,
						   const struct peer_line *line, struct view_error *out_error) {
	return ctl_client_remove_peer(client, tunnel, line->words[0], out_error);
}

static void format_prefix(const struct bulk *bulk, const char *path, const struct peer_line *line,
						  char out_prefix[static PREFIX_SIZE]) {
	bool standard = strcmp(path, "-") == 0;
	(void)snprintf(out_prefix, PREFIX_SIZE, "%s: %.100s: line %u", bulk->command,
				   standard ? "standard input" : path, line->number);
}

/* There is one, and it is told once, not for each line, when there is none. */
static int check_tunnel(const struct streams *streams, const struct bulk *bulk,
						struct ctl_client *client, const char *tunnel) {
	struct view_tunnel view;
	struct view_error problem = {0};
	enum err error = ctl_client_tunnel(client, tunnel, &view, &problem);
	if (error)
		return connection_fail(streams, bulk->command, error, &problem);
	view_tunnel_done(&view);
	return STATUS_OK;
}

/* Returns the exit code; *out_done is how many the daemon did. */
static int ask_each(const struct streams *streams, const struct bulk *bulk,
					struct ctl_client *client, const char *tunnel, const char *path,
					const struct peer_lines *lines, size_t *out_done) {
	const struct streams nowhere = {-1, -1, -1};
	int status = STATUS_OK;
	size_t done = 0, refused = 0;
	for (size_t i = 0; i < lines->count && status != STATUS_NO_DAEMON; i++) {
		char prefix[PREFIX_SIZE];
		struct view_error problem = {0};
		enum err error = bulk->ask(client, tunnel, &lines->items[i], &problem);
		if (!error) {
			done++;
			continue;
		}
		format_prefix(bulk, path, &lines->items[i], prefix);
		bool tell = refused++ < TOLD_MAX || problem.status == 0;
		status = connection_fail(tell ? streams : &nowhere, prefix, error, &problem);
	}
	if (refused > TOLD_MAX)
		output_message(streams, "%s: %zu refusals in all; the first %d are told", bulk->command,
					   refused, TOLD_MAX);
	*out_done = done;
	return status;
}

static int ask_all(const struct streams *streams, const struct bulk *bulk, const char *tunnel,
				   const char *path, const char *socket, const struct peer_lines *lines) {
	struct ctl_client *client;
	int status = connection_open(streams, bulk->command, socket, &client);
	if (status != STATUS_OK)
		return status;
	status = check_tunnel(streams, bulk, client, tunnel);
	if (status == STATUS_OK) {
		size_t done;
		status = ask_each(streams, bulk, client, tunnel, path, lines, &done);
		output_message(streams, "%s: %zu of %zu peers %s", bulk->command, done, lines->count,
					   bulk->done);
	}
	ctl_client_free(client);
	return status;
}

static int run(const struct streams *streams, const struct bulk *bulk, const char *tunnel,
			   const char *path, const char *socket, const struct peer_lines *lines) {
	for (size_t i = 0; bulk->check && i < lines->count; i++) {
		char prefix[PREFIX_SIZE];
		format_prefix(bulk, path, &lines->items[i], prefix);
		int status = bulk->check(streams, prefix, &lines->items[i]);
		if (status != STATUS_OK)
			return status;
	}
	return ask_all(streams, bulk, tunnel, path, socket, lines);
}

int peer_bulk_add(const struct streams *streams, const char *tunnel, const char *path,
				  const char *socket) {
	static const struct bulk bulk = {"peer add", "added", check_add, ask_add};
	struct peer_lines lines;
	int status = peer_lines_read(streams, bulk.command, path, 2, 3, &lines);
	if (status != STATUS_OK)
		return status;
	status = run(streams, &bulk, tunnel, path, socket, &lines);
	peer_lines_done(&lines);
	return status;
}

int peer_bulk_remove(const struct streams *streams, const char *tunnel, const char *path,
					 const char *socket) {
	static const struct bulk bulk = {"peer del", "removed", NULL, ask_remove};
	struct peer_lines lines;
	int status = peer_lines_read(streams, bulk.command, path, 1, 3, &lines);
	if (status != STATUS_OK)
		return status;
	status = run(streams, &bulk, tunnel, path, socket, &lines);
	peer_lines_done(&lines);
	return status;
}
