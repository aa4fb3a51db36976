#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/dns.h"
#include "host/resolv_conf.h"

/*
 * /etc/resolv.conf, written by us while we hold it. What was there is kept in the state folder
 * before anything is changed: a plain file, a symbolic link, or nothing. It is replaced by renaming
 * where the folder allows that, and written in place where not (read-only folders, files that are
 * bound over, as in containers).
 */

struct dns_file;

enum {
	DNS_FILE_REWRITES_MAX = 20, /* a minute, when somebody else goes on writing there */
};

/* Knows at once what an earlier process kept. */
enum err dns_file_new(const char *path, const char *state_dir, struct dns_file **out_file);
/* Changes nothing on disk. */
void dns_file_free(struct dns_file *file);

/* Holds it with this content, the options of before added; the wish is copied. */
enum err dns_file_hold(struct dns_file *file, const struct resolv_conf_wish *wish,
					   char out_problem[static DNS_PROBLEM_SIZE]);

/*
 * To be called now and then while it is held: what somebody else has written there meanwhile
 * becomes what was before, and ours comes back. *out_changed: that was so. ERR_RATE_LIMITED: too
 * often.
 */
enum err dns_file_check(struct dns_file *file, uint64_t now, bool *out_changed,
						char out_problem[static DNS_PROBLEM_SIZE]);

/*
 * Puts back what was there before, also of an earlier process; what somebody else has written over
 * ours stays. Without a record nothing happens.
 */
enum err dns_file_release(struct dns_file *file, char out_problem[static DNS_PROBLEM_SIZE]);

/* The host's own content: of before while we hold it, else of now. */
enum err dns_file_own(const struct dns_file *file, struct resolv_conf *out_content);

bool dns_file_is_held(const struct dns_file *file);
