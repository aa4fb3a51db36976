#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/output.h"

/* What the commands about users put into a request, from words of the command line. */

struct password_input;
struct view_user;
struct view_user_request;

/*
 * Each returns an exit code, after a message that begins with the command's name, and sets a member
 * of a request that view_user_request_done() releases. "never" and "none" are words of theirs.
 */
[[nodiscard]] int user_request_set_expiry(const struct streams *streams, const char *command,
										  const char *text, struct view_user_request *request);
[[nodiscard]] int user_request_set_quota(const struct streams *streams, const char *command,
										 const char *text, struct view_user_request *request);
[[nodiscard]] int user_request_set_rate(const struct streams *streams, const char *command,
										const char *text, struct view_user_request *request);
[[nodiscard]] int user_request_set_devices(const struct streams *streams, const char *command,
										   const char *text, struct view_user_request *request);
/* Names with commas between; "none", which no group can be called here. */
[[nodiscard]] int user_request_set_groups(const struct streams *streams, const char *command,
										  const char *text, struct view_user_request *request);
/* Asked for, or read, by password_input_read(). */
[[nodiscard]] int user_request_set_password(const struct streams *streams, const char *command,
											const char *path, const char *user,
											struct view_user_request *request);

/*
 * Sends it, with a name to that user (PATCH), with NULL as a new one (POST). The answer is printed
 * where json is wanted, otherwise told by tell().
 */
struct user_request_way {
	const char *command;
	const char *socket; /* NULL: not said */
	bool json;
	void (*tell)(const struct streams *streams, const char *command, const struct view_user *user);
};
[[nodiscard]] int user_request_send(const struct streams *streams,
									const struct user_request_way *way, const char *name,
									const struct view_user_request *request);
