#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/text_buffer.h"
#include "ctl/client.h"

/* A command whose sockets go past all tunnels, or into one of them. */

enum { OUTSIDE, INSIDE, USER, SOCKET };

/* As of env(1) and the shells. */
enum { STATUS_NOT_EXECUTABLE = 126, STATUS_NO_COMMAND = 127 };

enum { PATH_SIZE = 512 };

const struct command_option exec_options[] = {
	[OUTSIDE] = {"--outside", NULL, "past all tunnels", false},
	[INSIDE] = {"--inside", "TUNNEL", "into this tunnel, and nowhere else", false},
	[USER] = {"--user", "NAME", "as this user; else who called sudo, or root", false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char exec_help[] =
	"Runs a command, and all that it starts, past all tunnels or into one of them,\n"
	"whatever the routes say. Options stand before the command. Its exit code is the\n"
	"command's; 126 and 127 are of a command that cannot be run or is not there.\n"
	"\n"
	"  sudo umbra exec --outside curl https://example.org/\n"
	"  sudo umbra exec --inside um0 ping 10.66.0.1\n"
	"\n"
	"It needs root, and gives that up: the command runs as who called sudo.\n";

static const char name[] = "exec";

struct identity {
	bool given; /* otherwise it stays root */
	char *user; /* for its groups; NULL: it has none but its own */
	uid_t uid;
	gid_t gid;
};

static bool read_number(const char *variable, uint64_t *out_number) {
	const char *text = getenv(variable);
	return text && *text && !text_unsigned_parse(text, strlen(text), INT32_MAX, out_number);
}

static int find_identity(const struct streams *streams, const char *user,
						 struct identity *out_identity) {
	uint64_t uid, gid;
	const struct passwd *entry = NULL;
	struct identity identity = {.given = true};
	if (user) {
		entry = getpwnam(user);
		if (!entry) {
			output_message(streams, "%s: there is no user '%s'", name, command_repeatable(user));
			return STATUS_FAILED;
		}
		identity.uid = entry->pw_uid;
		identity.gid = entry->pw_gid;
	} else if (read_number("SUDO_UID", &uid) && read_number("SUDO_GID", &gid)) {
		identity.uid = (uid_t)uid;
		identity.gid = (gid_t)gid;
		entry = getpwuid(identity.uid);
	} else {
		identity.given = false;
	}
	if (entry) {
		identity.user = strdup(entry->pw_name);
		if (!identity.user) {
			output_message(streams, "out of memory");
			return STATUS_FAILED;
		}
	}
	*out_identity = identity;
	return STATUS_OK;
}

/* Groups first, as long as that is allowed; afterwards there is no way back. */
static int take_identity(const struct streams *streams, const struct identity *identity) {
	if (!identity->given)
		return STATUS_OK;
	int failed =
		identity->user ? initgroups(identity->user, identity->gid) : setgroups(1, &identity->gid);
	if (failed || setresgid(identity->gid, identity->gid, identity->gid) ||
		setresuid(identity->uid, identity->uid, identity->uid)) {
		output_message(streams, "%s: user %u: %s", name, (unsigned)identity->uid, strerror(errno));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

/* Has the daemon make the group; its folder is the answer. */
static int ask(const struct streams *streams, const struct command_line *line,
			   char out_path[static PATH_SIZE]) {
	struct ctl_client *client;
	int status = connection_open(streams, name, line->values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	struct view_error problem = {0};
	auto_free char *message = NULL;
	auto_text_buffer struct text_buffer path = {0};
	if (line->values[INSIDE]) {
		text_buffer_add(&path, "/v1/tunnels/");
		text_buffer_add_segment(&path, line->values[INSIDE]);
		text_buffer_add(&path, "/inside");
	} else {
		text_buffer_add(&path, "/v1/outside");
	}
	enum err error = path.failed
						 ? ERR_NO_MEMORY
						 : ctl_client_do(client, "POST", path.text, NULL, &message, &problem);
	ctl_client_free(client);
	if (error)
		return connection_fail(streams, name, error, &problem);
	int size = snprintf(out_path, PATH_SIZE, "%s/cgroup.procs", message ? message : "");
	if (size >= PATH_SIZE || out_path[0] != '/') {
		output_message(streams, "%s: the daemon's answer is not understood", name);
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

static int join(const struct streams *streams, const char *path) {
	auto_close int descriptor = open(path, O_WRONLY | O_CLOEXEC);
	if (descriptor >= 0 && write(descriptor, "0\n", 2) == 2)
		return STATUS_OK;
	output_message(streams, "%s: %s: %s", name, path, strerror(errno));
	return STATUS_FAILED;
}

static int run(const struct streams *streams, char **command) {
	(void)execvp(command[0], command);
	int number = errno;
	output_message(streams, "%s: %s: %s", name, command_repeatable(command[0]), strerror(number));
	return number == ENOENT ? STATUS_NO_COMMAND : STATUS_NOT_EXECUTABLE;
}

static int check(const struct streams *streams, const struct command_line *line, int words) {
	if ((line->values[OUTSIDE] != NULL) == (line->values[INSIDE] != NULL)) {
		output_message(streams, "%s: one of --outside and --inside TUNNEL; try 'umbra %s --help'",
					   name, name);
		return STATUS_USAGE;
	}
	if (words < 1) {
		output_message(streams, "%s: a command is missing; try 'umbra %s --help'", name, name);
		return STATUS_USAGE;
	}
	if (geteuid() != 0) {
		output_message(streams,
					   "%s: only root may lead a command past tunnels or into them; try "
					   "'sudo umbra %s ...'",
					   name, name);
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

int exec_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int head = command_head(exec_options, count, arguments);
	int status = command_parse(streams, name, exec_options, 0, 0, head, arguments, &line);
	if (status == STATUS_OK)
		status = check(streams, &line, count - head);
	struct identity identity = {.user = NULL};
	if (status == STATUS_OK)
		status = find_identity(streams, line.values[USER], &identity);
	char path[PATH_SIZE];
	if (status == STATUS_OK)
		status = ask(streams, &line, path);
	if (status == STATUS_OK)
		status = join(streams, path);
	if (status == STATUS_OK)
		status = take_identity(streams, &identity);
	free(identity.user);
	return status == STATUS_OK ? run(streams, arguments + head) : status;
}
