#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * What stood at a path before we wrote there: in memory, and as a record in the state folder that
 * outlives a crash and a restart of the machine.
 *
 *   umbra-kept-1 KIND MODE UID GID LINK-SIZE SIZE NEWLINE, LINK-SIZE bytes, SIZE bytes
 */

enum dns_kept_kind {
	DNS_KEPT_NONE, /* nothing was there */
	DNS_KEPT_FILE,
	DNS_KEPT_LINK, /* a symbolic link; its content is what could be read through it */
};

enum { DNS_KEPT_RECORD_MAX = (1 << 20) + 8192 };

struct dns_kept {
	enum dns_kept_kind kind;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	char *link; /* the link's text, with a NUL behind it; NULL unless it is one */
	char *text; /* any bytes, with a NUL behind them; NULL when nothing could be read */
	size_t size;
};

void dns_kept_done(struct dns_kept *kept);

/* From a path that need not be there. ERR_WRONG_KIND, ERR_LIMIT for 1 MiB, or why not. */
enum err dns_kept_read(const char *path, struct dns_kept *out_kept);

/* The record: whole or not at all, for root alone. */
enum err dns_kept_save(const char *record, const struct dns_kept *kept);
/* ERR_NOT_FOUND; ERR_MALFORMED. */
enum err dns_kept_load(const char *record, struct dns_kept *out_kept);
enum err dns_kept_parse(const char *data, size_t size, struct dns_kept *out_kept);

/* A file of the state folder, replaced as a whole: written beside it, and renamed over it. */
enum err dns_kept_write(const char *path, mode_t mode, const char *data, size_t size);
