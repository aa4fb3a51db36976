#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/connection.h"
#include "cli/quantity.h"
#include "cli/text_buffer.h"
#include "cli/user.h"
#include "cli/user_request.h"
#include "cli/user_text.h"
#include "ctl/client.h"
#include "ctl/view_user.h"

/* user passwd, disable, enable, expire, quota, rate, devices, group, del */

enum { PASSWORD_FILE, NONE, PASSWORD_JSON, PASSWORD_SOCKET };

const struct command_option user_passwd_options[] = {
	[PASSWORD_FILE] = {"--password-file", "FILE", "the password is the line of a file, or -",
					   false},
	[NONE] = {"--none", NULL, "no password is right any more: the user has a certificate", false},
	[PASSWORD_JSON] = {"--json", NULL, "print the user as JSON", false},
	[PASSWORD_SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

enum { JSON, SOCKET };

const struct command_option user_set_options[] = {
	[JSON] = {"--json", NULL, "print the user as JSON", false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

enum { RESET, QUOTA_JSON, QUOTA_SOCKET };

const struct command_option user_quota_options[] = {
	[RESET] = {"--reset", NULL, "what was used begins at 0 again", false},
	[QUOTA_JSON] = {"--json", NULL, "print the user as JSON", false},
	[QUOTA_SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const struct command_option user_del_options[] = {COMMAND_SOCKET_OPTION, {0}};

const char user_passwd_help[] =
	"Sets a user's password, which is asked for twice on a terminal; otherwise it is the\n"
	"line on standard input, or in the file of --password-file. Sessions that there are end,\n"
	"and devices have to log in with the new one.\n";

const char user_disable_help[] = "Ends a user's sessions and lets none begin. Its addresses stay "
								 "its own.\n";

const char user_enable_help[] = "Lets a user that was disabled log in again.\n";

const char user_expire_help[] =
	"Sets until when a user may be logged in: a day, whose last second counts, a time in\n"
	"quotes, a span from now on in h, d or w, or never.\n"
	"\n"
	"  umbra user expire alice 2026-12-31\n"
	"  umbra user expire alice +30d\n";

const char user_quota_help[] =
	"Sets how much a user may move, both ways and over all devices together: bytes in powers\n"
	"of 1024, such as 10G, or none. It counts from the beginning, or from --reset on.\n";

const char user_rate_help[] =
	"Sets how many bytes each device of a user may move in a second, each way: in powers of\n"
	"1024, such as 5M, or none.\n";

const char user_devices_help[] =
	"Sets how many devices of a user may have an address of a tunnel. Where there are more,\n"
	"the last ones lose theirs and are logged out.\n";

const char user_group_help[] =
	"Sets the groups that a user is in, instead of those of before: names with commas between,\n"
	"or none. What groups a tunnel lets in stands in the configuration.\n";

const char user_del_help[] = "Forgets a user: sessions end, and addresses are free again.\n";

static void add_name(struct text_buffer *text, const struct view_user *user) {
	text_buffer_add_clean(text, user->name);
}

static void say(const struct streams *streams, const char *command,
				const struct text_buffer *text) {
	output_message(streams, "%s: %s", command, text->failed ? "done" : text->text);
}

static void tell_passwd(const struct streams *streams, const char *command,
						const struct view_user *user) {
	auto_text_buffer struct text_buffer text = {0};
	add_name(&text, user);
	text_buffer_add(&text, "%s", user->has_password ? " has another password" : " has no password");
	say(streams, command, &text);
}

static void tell_state(const struct streams *streams, const char *command,
					   const struct view_user *user) {
	auto_text_buffer struct text_buffer text = {0};
	add_name(&text, user);
	const char *hindrance = user_text_hindrance(user, clock_wall_now() / CLOCK_SECOND);
	text_buffer_add(&text, hindrance ? " may not log in: %s" : " may log in", hindrance);
	say(streams, command, &text);
}

static void tell_expiry(const struct streams *streams, const char *command,
						const struct view_user *user) {
	auto_text_buffer struct text_buffer text = {0};
	char date[QUANTITY_SIZE];
	quantity_date(user->expires, date);
	add_name(&text, user);
	if (user->expires && clock_wall_now() / CLOCK_SECOND >= user->expires)
		text_buffer_add(&text, " has expired, at %s, and may not log in", date);
	else
		text_buffer_add(&text, user->expires ? " expires at %s" : " never expires", date);
	say(streams, command, &text);
}

static void tell_quota(const struct streams *streams, const char *command,
					   const struct view_user *user) {
	auto_text_buffer struct text_buffer text = {0};
	char used[QUANTITY_SIZE], quota[QUANTITY_SIZE];
	quantity_bytes(user->used, used);
	quantity_bytes(user->quota, quota);
	add_name(&text, user);
	text_buffer_add(&text, user->quota ? " has used %s of %s" : " has used %s, and has no quota",
					used, quota);
	say(streams, command, &text);
}

static void tell_rate(const struct streams *streams, const char *command,
					  const struct view_user *user) {
	auto_text_buffer struct text_buffer text = {0};
	char rate[QUANTITY_SIZE];
	quantity_bytes(user->rate, rate);
	add_name(&text, user);
	text_buffer_add(&text, user->rate ? " may move %s/s each way" : " is as fast as can be", rate);
	say(streams, command, &text);
}

static void tell_devices(const struct streams *streams, const char *command,
						 const struct view_user *user) {
	auto_text_buffer struct text_buffer text = {0};
	add_name(&text, user);
	text_buffer_add(&text, " may have %u device%s", user->devices, user->devices == 1 ? "" : "s");
	say(streams, command, &text);
}

static void tell_groups(const struct streams *streams, const char *command,
						const struct view_user *user) {
	auto_text_buffer struct text_buffer text = {0};
	add_name(&text, user);
	text_buffer_add(&text, user->groups ? " is in " : " is in no group");
	user_text_groups(&text, user);
	say(streams, command, &text);
}

/* A command about one setting. */
struct setting {
	const char *name;
	/* The word behind the user; NULL: there is none, and the request is this one. */
	int (*set)(const struct streams *streams, const char *command, const char *text,
			   struct view_user_request *request);
	struct view_user_request request;
	void (*tell)(const struct streams *streams, const char *command, const struct view_user *user);
};

static int run(const struct streams *streams, const struct setting *setting, int count,
			   char **arguments) {
	struct command_line line;
	int words = setting->set ? 2 : 1;
	int status = command_parse(streams, setting->name, user_set_options, words, words, count,
							   arguments, &line);
	if (status != STATUS_OK)
		return status;
	struct view_user_request request = setting->request;
	if (setting->set)
		status = setting->set(streams, setting->name, line.operands[1], &request);
	const struct user_request_way way = {setting->name, line.values[SOCKET],
										 line.values[JSON] != NULL, setting->tell};
	if (status == STATUS_OK)
		status = user_request_send(streams, &way, line.operands[0], &request);
	view_user_request_done(&request);
	return status;
}

int user_disable_run(const struct streams *streams, int count, char **arguments) {
	static const struct setting disable = {
		"user disable", NULL, {.has_disabled = true, .disabled = true}, tell_state};
	return run(streams, &disable, count, arguments);
}

int user_enable_run(const struct streams *streams, int count, char **arguments) {
	static const struct setting enable = {"user enable", NULL, {.has_disabled = true}, tell_state};
	return run(streams, &enable, count, arguments);
}

int user_expire_run(const struct streams *streams, int count, char **arguments) {
	static const struct setting expire = {"user expire", user_request_set_expiry, {0}, tell_expiry};
	return run(streams, &expire, count, arguments);
}

int user_rate_run(const struct streams *streams, int count, char **arguments) {
	static const struct setting rate = {"user rate", user_request_set_rate, {0}, tell_rate};
	return run(streams, &rate, count, arguments);
}

int user_devices_run(const struct streams *streams, int count, char **arguments) {
	static const struct setting devices = {
		"user devices", user_request_set_devices, {0}, tell_devices};
	return run(streams, &devices, count, arguments);
}

int user_group_run(const struct streams *streams, int count, char **arguments) {
	static const struct setting group = {"user group", user_request_set_groups, {0}, tell_groups};
	return run(streams, &group, count, arguments);
}

int user_quota_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "user quota";
	struct command_line line;
	int status = command_parse(streams, name, user_quota_options, 1, 2, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	if (line.count == 1 && !line.values[RESET]) {
		output_message(streams, "%s: how much is missing: such as 10G, or none; or --reset", name);
		return STATUS_USAGE;
	}
	struct view_user_request request = {.resets = line.values[RESET] != NULL};
	if (line.count == 2)
		status = user_request_set_quota(streams, name, line.operands[1], &request);
	const struct user_request_way way = {name, line.values[QUOTA_SOCKET],
										 line.values[QUOTA_JSON] != NULL, tell_quota};
	return status == STATUS_OK ? user_request_send(streams, &way, line.operands[0], &request)
							   : status;
}

int user_passwd_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "user passwd";
	struct command_line line;
	int status = command_parse(streams, name, user_passwd_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	if (line.values[NONE] && line.values[PASSWORD_FILE]) {
		output_message(streams, "%s: --none does not go with --password-file", name);
		return STATUS_USAGE;
	}
	struct view_user_request request = {0};
	if (line.values[NONE]) {
		request.password = strdup("");
		status = request.password ? STATUS_OK : STATUS_FAILED;
	} else {
		status = user_request_set_password(streams, name, line.values[PASSWORD_FILE],
										   line.operands[0], &request);
	}
	const struct user_request_way way = {name, line.values[PASSWORD_SOCKET],
										 line.values[PASSWORD_JSON] != NULL, tell_passwd};
	if (status == STATUS_OK)
		status = user_request_send(streams, &way, line.operands[0], &request);
	view_user_request_done(&request);
	return status;
}

int user_del_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "user del";
	struct command_line line;
	int status = command_parse(streams, name, user_del_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	auto_text_buffer struct text_buffer path = {0};
	text_buffer_add(&path, "/v1/users/");
	text_buffer_add_segment(&path, line.operands[0]);
	if (path.failed)
		return output_buffer(streams, &path);
	struct ctl_client *client;
	status = connection_open(streams, name, line.values[0], &client);
	if (status != STATUS_OK)
		return status;
	auto_free char *message = NULL;
	struct view_error problem = {0};
	enum err error = ctl_client_do(client, "DELETE", path.text, NULL, &message, &problem);
	ctl_client_free(client);
	if (error)
		return connection_fail(streams, name, error, &problem);
	output_lines(streams, name, message);
	return STATUS_OK;
}
