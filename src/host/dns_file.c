#include "host/dns_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "host/dns_kept.h"

enum { WISH_WORDS_MAX = 128, MODE_NEW = 0644 };

struct dns_file {
	char path[PATH_MAX - 16], record[PATH_MAX - 16], temporary[PATH_MAX];
	bool held;
	struct dns_kept before; /* while it is held */
	struct address *servers;
	size_t server_count;
	char **search;
	size_t search_count;
	uint64_t window; /* of rewrites that are counted */
	unsigned rewrites;
};

static enum err explain(enum err error, const char *path, const char *why,
						char out_problem[static DNS_PROBLEM_SIZE]) {
	(void)snprintf(out_problem, DNS_PROBLEM_SIZE, "%.120s: %.120s", path, why);
	return error;
}

enum err dns_file_new(const char *path, const char *state_dir, struct dns_file **out_file) {
	struct dns_file *file = calloc(1, sizeof *file);
	if (!file)
		return ERR_NO_MEMORY;
	const char *slash = strrchr(path, '/');
	int sizes[] = {
		snprintf(file->path, sizeof file->path, "%s", path),
		snprintf(file->record, sizeof file->record, "%s/resolv.conf.before", state_dir),
		slash ? snprintf(file->temporary, sizeof file->temporary, "%.*s/.%s.umbra",
						 (int)(slash - path), path, slash + 1)
			  : -1,
	};
	if (sizes[0] < 0 || sizes[0] >= (int)sizeof file->path || sizes[1] < 0 ||
		sizes[1] >= (int)sizeof file->record || sizes[2] < 0 ||
		sizes[2] >= (int)sizeof file->temporary) {
		free(file);
		return ERR_INVALID;
	}
	/* What an earlier process kept; an error is told when it matters. */
	enum err error = dns_kept_load(file->record, &file->before);
	file->held = error == ERR_OK;
	*out_file = file;
	return ERR_OK;
}

static void forget_wish(struct dns_file *file) {
	for (size_t i = 0; i < file->search_count; i++)
		free(file->search[i]);
	free(file->search);
	free(file->servers);
	file->search = NULL;
	file->servers = NULL;
	file->search_count = file->server_count = 0;
}

void dns_file_free(struct dns_file *file) {
	if (!file)
		return;
	forget_wish(file);
	dns_kept_done(&file->before);
	free(file);
}

bool dns_file_is_held(const struct dns_file *file) {
	return file->held;
}

static enum err copy_wish(struct dns_file *file, const struct resolv_conf_wish *wish) {
	struct dns_file copy = {.server_count = wish->server_count};
	copy.servers = calloc(wish->server_count + 1, sizeof *copy.servers);
	copy.search = calloc(wish->search_count + 1, sizeof *copy.search);
	bool failed = !copy.servers || !copy.search;
	for (size_t i = 0; i < wish->server_count && !failed; i++)
		copy.servers[i] = wish->servers[i];
	for (; copy.search_count < wish->search_count && !failed; copy.search_count++) {
		copy.search[copy.search_count] = strdup(wish->search[copy.search_count]);
		failed = !copy.search[copy.search_count];
	}
	if (failed) {
		forget_wish(&copy);
		return ERR_NO_MEMORY;
	}
	forget_wish(file);
	file->servers = copy.servers;
	file->server_count = copy.server_count;
	file->search = copy.search;
	file->search_count = copy.search_count;
	return ERR_OK;
}

static bool is_ours(const struct dns_kept *kept) {
	return kept->text && resolv_conf_is_ours(kept->text, kept->size);
}

/* Writing */

static enum err write_all(int descriptor, const char *text, size_t size) {
	for (size_t done = 0; done < size;) {
		ssize_t written = pwrite(descriptor, text + done, size - done, (off_t)done);
		if (written < 0 && errno != EINTR)
			return err_from_errno(errno);
		done += written > 0 ? (size_t)written : 0;
	}
	return ERR_OK;
}

/* Beside it, and renamed over it. */
static enum err replace(const struct dns_file *file, const struct dns_kept *content) {
	(void)unlink(file->temporary);
	auto_close int descriptor =
		open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = write_all(descriptor, content->text, content->size);
	/* The mode first: that of another's file is not ours to change without CAP_FOWNER. */
	if (!error && fchmod(descriptor, content->mode))
		error = err_from_errno(errno);
	/* Where owners cannot be changed, they were ours before. */
	if (!error && fchown(descriptor, content->uid, content->gid) && errno != EPERM)
		error = err_from_errno(errno);
	if (!error && (fsync(descriptor) || rename(file->temporary, file->path)))
		error = err_from_errno(errno);
	if (error)
		(void)unlink(file->temporary);
	return error;
}

/* The content first and the length after it: ended in between, it still begins as it should. */
static enum err write_in_place(const struct dns_file *file, const struct dns_kept *content) {
	auto_close int descriptor = open(file->path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = write_all(descriptor, content->text, content->size);
	if (!error && (ftruncate(descriptor, (off_t)content->size) || fsync(descriptor)))
		error = err_from_errno(errno);
	return error;
}

static enum err put(const struct dns_file *file, const struct dns_kept *content) {
	enum err error = replace(file, content);
	return error ? write_in_place(file, content) : ERR_OK;
}

static enum err put_ours(struct dns_file *file, char out_problem[static DNS_PROBLEM_SIZE]) {
	struct resolv_conf before = {.server_count = 0};
	if (file->before.text)
		resolv_conf_parse(file->before.text, file->before.size, &before);
	const struct resolv_conf_wish wish = {
		.servers = file->servers,
		.server_count = file->server_count,
		.search = (const char *const *)file->search,
		.search_count = file->search_count,
		.options = before.options,
	};
	struct dns_kept ours = {.kind = DNS_KEPT_FILE, .mode = MODE_NEW};
	if (file->before.kind == DNS_KEPT_FILE) {
		ours.mode = file->before.mode;
		ours.uid = file->before.uid;
		ours.gid = file->before.gid;
	}
	enum err error = resolv_conf_format(&wish, &ours.text, &ours.size);
	struct dns_kept now = {.kind = DNS_KEPT_NONE};
	if (!error && dns_kept_read(file->path, &now) == ERR_OK && now.text && now.size == ours.size &&
		memcmp(now.text, ours.text, ours.size) == 0) {
		dns_kept_done(&now);
		dns_kept_done(&ours);
		return ERR_OK;
	}
	dns_kept_done(&now);
	if (!error)
		error = put(file, &ours);
	dns_kept_done(&ours);
	return error ? explain(error, file->path, err_text(error), out_problem) : ERR_OK;
}

/* Holding */

/* Takes up the record of an earlier process, if there is one. */
static enum err load(struct dns_file *file, char out_problem[static DNS_PROBLEM_SIZE]) {
	if (file->held)
		return ERR_OK;
	enum err error = dns_kept_load(file->record, &file->before);
	if (error == ERR_NOT_FOUND)
		return ERR_OK;
	if (error)
		return explain(error, file->record, err_text(error), out_problem);
	file->held = true;
	return ERR_OK;
}

/* What stands there, unless it is ours, becomes what was before. */
static enum err keep(struct dns_file *file, bool *out_foreign,
					 char out_problem[static DNS_PROBLEM_SIZE]) {
	struct dns_kept now;
	enum err error = dns_kept_read(file->path, &now);
	if (error)
		return explain(error, file->path, err_text(error), out_problem);
	*out_foreign = !file->held || !is_ours(&now);
	if (!*out_foreign) {
		dns_kept_done(&now);
		return ERR_OK;
	}
	error = dns_kept_save(file->record, &now);
	if (error) {
		dns_kept_done(&now);
		return explain(error, file->record, err_text(error), out_problem);
	}
	dns_kept_done(&file->before);
	file->before = now;
	file->held = true;
	return ERR_OK;
}

enum err dns_file_hold(struct dns_file *file, const struct resolv_conf_wish *wish,
					   char out_problem[static DNS_PROBLEM_SIZE]) {
	bool foreign;
	enum err error = load(file, out_problem);
	bool was_held = file->held;
	if (!error)
		error = keep(file, &foreign, out_problem);
	if (error)
		return error;
	error = copy_wish(file, wish);
	if (error)
		return explain(error, file->path, err_text(error), out_problem);
	error = put_ours(file, out_problem);
	if (error && !was_held) {
		(void)unlink(file->record);
		dns_kept_done(&file->before);
		file->held = false;
	}
	return error;
}

enum err dns_file_check(struct dns_file *file, uint64_t now, bool *out_changed,
						char out_problem[static DNS_PROBLEM_SIZE]) {
	bool changed = false;
	if (!file->held || file->server_count == 0) {
		*out_changed = false;
		return ERR_OK;
	}
	if (now >= file->window + 60 * CLOCK_SECOND) {
		file->window = now;
		file->rewrites = 0;
	}
	if (file->rewrites >= DNS_FILE_REWRITES_MAX)
		return explain(ERR_RATE_LIMITED, file->path,
					   "somebody else goes on writing there; umbra waits a minute", out_problem);
	enum err error = keep(file, &changed, out_problem);
	if (!error)
		error = put_ours(file, out_problem);
	if (changed)
		file->rewrites++;
	*out_changed = changed;
	return error;
}

/* Releasing */

static enum err put_link(const struct dns_file *file) {
	(void)unlink(file->temporary);
	if (symlink(file->before.link, file->temporary))
		return err_from_errno(errno);
	enum err error = rename(file->temporary, file->path) ? err_from_errno(errno) : ERR_OK;
	if (error)
		(void)unlink(file->temporary);
	return error;
}

static enum err put_back(const struct dns_file *file, const struct dns_kept *now) {
	char nothing[1] = "";
	struct dns_kept content = file->before;
	if (!content.text)
		content.text = nothing;
	switch (file->before.kind) {
	case DNS_KEPT_NONE:
		return unlink(file->path) ? write_in_place(file, &content) : ERR_OK;
	case DNS_KEPT_LINK:
		/* Still a link: it was written through. */
		return now->kind == DNS_KEPT_LINK ? write_in_place(file, &content) : put_link(file);
	case DNS_KEPT_FILE:
		return put(file, &content);
	}
	return ERR_INVALID;
}

enum err dns_file_release(struct dns_file *file, char out_problem[static DNS_PROBLEM_SIZE]) {
	enum err error = load(file, out_problem);
	if (error || !file->held)
		return error;
	struct dns_kept now;
	error = dns_kept_read(file->path, &now);
	if (error)
		return explain(error, file->path, err_text(error), out_problem);
	if (is_ours(&now))
		error = put_back(file, &now);
	dns_kept_done(&now);
	if (error)
		return explain(error, file->path, err_text(error), out_problem);
	(void)unlink(file->temporary);
	if (unlink(file->record) && errno != ENOENT) {
		error = err_from_errno(errno);
		return explain(error, file->record, err_text(error), out_problem);
	}
	file->held = false;
	dns_kept_done(&file->before);
	forget_wish(file);
	return ERR_OK;
}

enum err dns_file_own(const struct dns_file *file, struct resolv_conf *out_content) {
	struct dns_kept now = {.kind = DNS_KEPT_NONE};
	const struct dns_kept *content = &file->before;
	if (!file->held) {
		enum err error = dns_kept_read(file->path, &now);
		if (error)
			return error;
		content = &now;
	}
	struct resolv_conf parsed = {.server_count = 0};
	if (content->text)
		resolv_conf_parse(content->text, content->size, &parsed);
	dns_kept_done(&now);
	*out_content = parsed;
	return ERR_OK;
}
