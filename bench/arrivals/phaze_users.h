#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Users who log in, as a folder has them: `users` is a line each, NAME or NAME PASSWORD; NAME.pem
 * and NAME.key are there where he has a certificate. ca.pem is the authority of whoever issued the
 * server's.
 */

struct phaze_trust;

enum { PHAZE_USER_TEXT_SIZE = 128 };

struct phaze_user {
	struct phaze_trust *trust;
	char name[PHAZE_USER_TEXT_SIZE], password[PHAZE_USER_TEXT_SIZE]; /* "": none */
};

struct phaze_users;

/* server: the name that its certificate is for. ERR_NOT_FOUND for a folder without users. */
enum err phaze_users_open(const char *folder, const char *server, struct phaze_users **out_users);
void phaze_users_close(struct phaze_users *users); /* NULL is fine */

/* Any number: they take turns. Lives as long as they. */
const struct phaze_user *phaze_users_of(const struct phaze_users *users, uint32_t number);
