#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/connection.h"
#include "cli/text_buffer.h"
#include "cli/user.h"
#include "cli/user_text.h"
#include "ctl/client.h"
#include "ctl/view_user.h"

/* user list, user show */

enum { JSON, SOCKET };

const struct command_option user_list_options[] = {
	[JSON] = {"--json", NULL, "as JSON, with all that is known", false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char user_list_help[] = "Lists all users, a line each.\n";

const char user_show_help[] = "Shows all that is known of a user, and the addresses that it has.\n";

/* What a path answers; *out_answer is the caller's. */
static int ask(const struct streams *streams, const char *command, const struct command_line *line,
			   const struct text_buffer *path, char **out_answer, size_t *out_size) {
	struct ctl_client *client;
	if (path->failed)
		return output_buffer(streams, path);
	int status = connection_open(streams, command, line->values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	status = connection_get(streams, command, client, path->text, out_answer, out_size);
	ctl_client_free(client);
	return status;
}

static int not_understood(const struct streams *streams, const char *command, enum err error) {
	output_message(streams, "%s: umbrad's answer is not understood: %s", command, err_text(error));
	return STATUS_FAILED;
}

static int print_list(const struct streams *streams, const char *answer, size_t size) {
	struct view_user *users;
	size_t count;
	enum err error = view_users_decode(answer, size, &users, &count);
	if (error)
		return not_understood(streams, "user list", error);
	auto_text_buffer struct text_buffer text = {0};
	user_text_list(&text, users, count, clock_wall_now() / CLOCK_SECOND);
	view_users_free(users, count);
	return output_buffer(streams, &text);
}

static int print_one(const struct streams *streams, const char *answer, size_t size) {
	struct view_user user;
	enum err error = view_user_decode(answer, size, &user);
	if (error)
		return not_understood(streams, "user show", error);
	auto_text_buffer struct text_buffer text = {0};
	user_text_show(&text, &user, clock_wall_now() / CLOCK_SECOND);
	view_user_done(&user);
	return output_buffer(streams, &text);
}

int user_list_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "user list";
	struct command_line line;
	int status = command_parse(streams, name, user_list_options, 0, 0, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	auto_text_buffer struct text_buffer path = {0};
	text_buffer_add(&path, "/v1/users");
	auto_free char *answer = NULL;
	size_t size;
	status = ask(streams, name, &line, &path, &answer, &size);
	if (status != STATUS_OK)
		return status;
	return line.values[JSON] ? connection_print(streams, answer, size)
							 : print_list(streams, answer, size);
}

int user_show_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "user show";
	struct command_line line;
	int status = command_parse(streams, name, user_list_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	auto_text_buffer struct text_buffer path = {0};
	text_buffer_add(&path, "/v1/users/");
	text_buffer_add_segment(&path, line.operands[0]);
	auto_free char *answer = NULL;
	size_t size;
	status = ask(streams, name, &line, &path, &answer, &size);
	if (status != STATUS_OK)
		return status;
	return line.values[JSON] ? connection_print(streams, answer, size)
							 : print_one(streams, answer, size);
}
