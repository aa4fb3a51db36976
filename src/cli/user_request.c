#include "cli/user_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/wipe.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/password_input.h"
#include "cli/quantity.h"
#include "cli/text_buffer.h"
#include "ctl/client.h"
#include "ctl/view_user.h"

_Static_assert((int)PASSWORD_INPUT_MAX == (int)VIEW_PASSWORD_MAX);

int user_request_set_expiry(const struct streams *streams, const char *command, const char *text,
							struct view_user_request *request) {
	request->has_expires = true;
	if (strcmp(text, "never") == 0 ||
		!quantity_parse_date(text, clock_wall_now() / CLOCK_SECOND, &request->expires))
		return STATUS_OK;
	output_message(streams,
				   "%s: '%s' is no date: such as 2026-12-31, \"2026-12-31 18:00\", +30d, +12h, or "
				   "never",
				   command, command_repeatable(text));
	return STATUS_USAGE;
}

static int set_bytes(const struct streams *streams, const char *command, const char *text,
					 uint64_t *out_bytes) {
	if (strcmp(text, "none") == 0) {
		*out_bytes = 0;
		return STATUS_OK;
	}
	enum err error = quantity_parse_bytes(text, out_bytes);
	if (!error && *out_bytes > 0)
		return STATUS_OK;
	output_message(streams,
				   error == ERR_LIMIT
					   ? "%s: '%s' is too much"
					   : "%s: '%s' is no number of bytes: such as 500M, 10G, 1.5T, or none",
				   command, command_repeatable(text));
	return STATUS_USAGE;
}

int user_request_set_quota(const struct streams *streams, const char *command, const char *text,
						   struct view_user_request *request) {
	request->has_quota = true;
	return set_bytes(streams, command, text, &request->quota);
}

int user_request_set_rate(const struct streams *streams, const char *command, const char *text,
						  struct view_user_request *request) {
	request->has_rate = true;
	return set_bytes(streams, command, text, &request->rate);
}

int user_request_set_devices(const struct streams *streams, const char *command, const char *text,
							 struct view_user_request *request) {
	uint64_t devices;
	if (text_unsigned_parse(text, strlen(text), VIEW_DEVICES_MAX, &devices) || devices == 0) {
		output_message(streams, "%s: '%s' is no number of devices, 1 to %d", command,
					   command_repeatable(text), VIEW_DEVICES_MAX);
		return STATUS_USAGE;
	}
	request->has_devices = true;
	request->devices = (uint32_t)devices;
	return STATUS_OK;
}

int user_request_set_groups(const struct streams *streams, const char *command, const char *text,
							struct view_user_request *request) {
	request->has_groups = true;
	if (strcmp(text, "none") == 0)
		return STATUS_OK;
	request->groups = strdup(text);
	if (!request->groups) {
		output_message(streams, "%s: out of memory", command);
		return STATUS_FAILED;
	}
	size_t count = 1;
	bool empty = text[0] == ',' || text[strlen(text) - 1] == ',' || strstr(text, ",,");
	for (char *comma = request->groups; (comma = strchr(comma, ',')); count++)
		*comma = '\n';
	if (!empty && count <= VIEW_GROUPS_MAX && !strchr(text, '\n'))
		return STATUS_OK;
	output_message(streams, "%s: groups are names with commas between, at most %d, or none",
				   command, VIEW_GROUPS_MAX);
	return STATUS_USAGE;
}

int user_request_set_password(const struct streams *streams, const char *command, const char *path,
							  const char *user, struct view_user_request *request) {
	struct {
		struct password_input input;
	} s;
	WIPE_ON_EXIT(s);
	int status =
		password_input_read(streams, command, path, command_repeatable(user), true, &s.input);
	if (status != STATUS_OK)
		return status;
	request->password = strdup(s.input.text);
	if (request->password)
		return STATUS_OK;
	output_message(streams, "%s: out of memory", command);
	return STATUS_FAILED;
}

static int say(const struct streams *streams, const struct user_request_way *way,
			   const char *answer, size_t size) {
	struct view_user user;
	if (way->json)
		return connection_print(streams, answer, size);
	enum err error = view_user_decode(answer, size, &user);
	if (error) {
		output_message(streams, "%s: umbrad's answer is not understood: %s", way->command,
					   err_text(error));
		return STATUS_FAILED;
	}
	way->tell(streams, way->command, &user);
	view_user_done(&user);
	return STATUS_OK;
}

static int ask(const struct streams *streams, const struct user_request_way *way, const char *name,
			   const char *body, size_t body_size) {
	auto_text_buffer struct text_buffer path = {0};
	text_buffer_add(&path, name ? "/v1/users/" : "/v1/users");
	if (name)
		text_buffer_add_segment(&path, name);
	if (path.failed)
		return output_buffer(streams, &path);
	struct ctl_client *client;
	int status = connection_open(streams, way->command, way->socket, &client);
	if (status != STATUS_OK)
		return status;
	auto_free char *answer = NULL;
	size_t size;
	struct view_error problem = {0};
	enum err error = ctl_client_ask(client, name ? "PATCH" : "POST", path.text, body, body_size,
									&answer, &size, &problem);
	ctl_client_free(client);
	return error ? connection_fail(streams, way->command, error, &problem)
				 : say(streams, way, answer, size);
}

int user_request_send(const struct streams *streams, const struct user_request_way *way,
					  const char *name, const struct view_user_request *request) {
	char *body;
	size_t size;
	enum err error = view_user_request_encode(request, &body, &size);
	if (error) {
		output_message(streams, "%s: %s", way->command, err_text(error));
		return STATUS_FAILED;
	}
	int status = ask(streams, way, name, body, size);
	wipe(body, size);
	free(body);
	return status;
}
