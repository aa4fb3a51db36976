#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "cli/text_buffer.h"
#include "cli/user.h"
#include "cli/user_request.h"
#include "cli/user_text.h"
#include "ctl/view_user.h"

enum {
	PASSWORD_FILE,
	NO_PASSWORD,
	GROUPS,
	EXPIRES,
	QUOTA,
	RATE,
	DEVICES,
	DISABLED,
	JSON,
	SOCKET,
};

const struct command_option user_add_options[] = {
	[PASSWORD_FILE] = {"--password-file", "FILE", "the password is the line of a file, or -",
					   false},
	[NO_PASSWORD] = {"--no-password", NULL, "there is none: the user has a certificate", false},
	[GROUPS] = {"--groups", "LIST", "groups that the user is in, with commas", false},
	[EXPIRES] = {"--expires", "DATE", "until when: 2026-12-31, +30d", false},
	[QUOTA] = {"--quota", "BYTES", "how much may be moved, both ways together: 10G", false},
	[RATE] = {"--rate", "BYTES", "how much each way in a second: 5M", false},
	[DEVICES] = {"--devices", "COUNT", "how many devices; 3", false},
	[DISABLED] = {"--disabled", NULL, "not yet: 'umbra user enable'", false},
	[JSON] = {"--json", NULL, "print the user as JSON", false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char user_add_help[] =
	"Adds a user, who may log in to the tunnels of this node that want that.\n"
	"\n"
	"The password is asked for twice on a terminal; otherwise it is the line on standard\n"
	"input, or in the file of --password-file. Bytes are in powers of 1024.\n"
	"\n"
	"  umbra user add alice\n"
	"  umbra user add bob --groups staff --expires 2026-12-31 --quota 10G --rate 5M\n"
	"  umbra user add carol --no-password\n";

static const char name[] = "user add";

static void tell(const struct streams *streams, const char *command, const struct view_user *user) {
	auto_text_buffer struct text_buffer text = {0};
	const char *hindrance = user_text_hindrance(user, clock_wall_now() / CLOCK_SECOND);
	text_buffer_add_clean(&text, user->name);
	output_message(streams, "%s: %s %s%s", command, text.failed ? "the user" : text.text,
				   hindrance ? "was added, and may not log in yet: " : "may log in",
				   hindrance ? hindrance : "");
}

static int make_request(const struct streams *streams, const struct command_line *line,
						struct view_user_request *request) {
	static const struct {
		int option;
		int (*set)(const struct streams *streams, const char *command, const char *text,
				   struct view_user_request *request);
	} setters[] = {
		{GROUPS, user_request_set_groups},   {EXPIRES, user_request_set_expiry},
		{QUOTA, user_request_set_quota},     {RATE, user_request_set_rate},
		{DEVICES, user_request_set_devices},
	};
	int status = STATUS_OK;
	for (size_t i = 0; i < sizeof setters / sizeof setters[0] && status == STATUS_OK; i++)
		if (line->values[setters[i].option])
			status = setters[i].set(streams, name, line->values[setters[i].option], request);
	if (line->values[DISABLED])
		request->has_disabled = request->disabled = true;
	/* Last, as somebody may have to type it. */
	if (status == STATUS_OK && !line->values[NO_PASSWORD])
		status = user_request_set_password(streams, name, line->values[PASSWORD_FILE],
										   line->operands[0], request);
	return status;
}

int user_add_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, name, user_add_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	if (line.values[NO_PASSWORD] && line.values[PASSWORD_FILE]) {
		output_message(streams, "%s: --no-password does not go with --password-file", name);
		return STATUS_USAGE;
	}
	struct view_user_request request = {0};
	status = make_request(streams, &line, &request);
	if (status == STATUS_OK) {
		const struct user_request_way way = {name, line.values[SOCKET], line.values[JSON] != NULL,
											 tell};
		/* The command line's own, until it is sent. */
		request.name = line.operands[0];
		status = user_request_send(streams, &way, NULL, &request);
		request.name = NULL;
	}
	view_user_request_done(&request);
	return status;
}
