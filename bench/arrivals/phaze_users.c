#include "bench/arrivals/phaze_users.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/ed25519.h"
#include "proto/phaze_trust.h"

enum { FILE_SIZE_MAX = 65536, PATH_SIZE = 512, USERS_MAX = 1024 };

struct phaze_users {
	size_t count;
	struct phaze_user items[USERS_MAX];
};

struct folder {
	const char *path, *server;
	char authority[FILE_SIZE_MAX + 1], users[FILE_SIZE_MAX + 1];
	char certificate[FILE_SIZE_MAX + 1], key[FILE_SIZE_MAX + 1]; /* the present user's */
};

static uint64_t wall_now(void *context) {
	return clock_wall_now();
}

static uint64_t steady_now(void *context) {
	return clock_now();
}

static const struct engine_clock engine_clock = {.now = steady_now, .wall_now = wall_now};

/* With a NUL behind it. A file that is not there is empty. */
static enum err read_file(const char *folder, const char *name, const char *suffix,
						  char out_text[static FILE_SIZE_MAX + 1]) {
	char path[PATH_SIZE];
	out_text[0] = 0;
	if ((size_t)snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix) >= sizeof path)
		return ERR_LIMIT;
	auto_close int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return ERR_OK;
	ssize_t size = read(file, out_text, FILE_SIZE_MAX + 1);
	if (size < 0 || size > FILE_SIZE_MAX)
		return ERR_LIMIT;
	out_text[size] = 0;
	return ERR_OK;
}

static enum err trust_of(struct folder *folder, struct phaze_user *user) {
	enum err error = read_file(folder->path, user->name, ".pem", folder->certificate)
						 ?: read_file(folder->path, user->name, ".key", folder->key);
	if (error)
		return error;
	struct phaze_trust_options options = {
		.is_client = true,
		.authorities = slice_of_text(folder->authority),
		.certificates = slice_of_text(folder->certificate),
		.clock = &engine_clock,
	};
	WIPE_ON_EXIT(options);
	(void)snprintf(options.server_name, sizeof options.server_name, "%s", folder->server);
	if (folder->certificate[0])
		error = ed25519_read(slice_of_text(folder->key), options.signing_key);
	return error ?: phaze_trust_new(&options, &user->trust);
}

/* Of a line: up to what ends it. */
static enum err take_word(const char **text, const char *ends,
						  char out_word[static PHAZE_USER_TEXT_SIZE]) {
	const size_t size = strcspn(*text, ends);
	if (size >= PHAZE_USER_TEXT_SIZE)
		return ERR_LIMIT;
	memcpy(out_word, *text, size);
	out_word[size] = 0;
	*text += size;
	return ERR_OK;
}

static enum err take_line(const char **text, struct phaze_user *user) {
	enum err error = take_word(text, " \n", user->name);
	if (!error && **text == ' ') {
		*text += 1;
		error = take_word(text, "\n", user->password);
	}
	if (**text == '\n')
		*text += 1;
	return !error && !user->name[0] ? ERR_MALFORMED : error;
}

static enum err take_users(struct folder *folder, struct phaze_users *users) {
	const char *text = folder->users;
	while (*text) {
		if (users->count == USERS_MAX)
			return ERR_LIMIT;
		struct phaze_user *user = &users->items[users->count++];
		enum err error = take_line(&text, user) ?: trust_of(folder, user);
		if (error)
			return error;
	}
	return users->count > 0 && folder->authority[0] ? ERR_OK : ERR_NOT_FOUND;
}

enum err phaze_users_open(const char *path, const char *server, struct phaze_users **out_users) {
	struct folder *folder = calloc(1, sizeof *folder);
	struct phaze_users *users = calloc(1, sizeof *users);
	enum err error = folder && users ? ERR_OK : ERR_NO_MEMORY;
	if (!error) {
		folder->path = path;
		folder->server = server;
		error = read_file(path, "ca.pem", "", folder->authority)
					?: read_file(path, "users", "", folder->users) ?: take_users(folder, users);
	}
	if (folder)
		wipe(folder, sizeof *folder);
	free(folder);
	if (error) {
		phaze_users_close(users);
		return error;
	}
	*out_users = users;
	return ERR_OK;
}

void phaze_users_close(struct phaze_users *users) {
	if (!users)
		return;
	for (size_t i = 0; i < users->count; i++)
		phaze_trust_release(users->items[i].trust);
	wipe(users, sizeof *users);
	free(users);
}

const struct phaze_user *phaze_users_of(const struct phaze_users *users, uint32_t number) {
	return &users->items[number % users->count];
}
