#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * A web site of files in memory: an image that one process makes of a folder and another one
 * serves, which has no files of its own. All integers are big-endian:
 *
 *   | "umbsite1" | count 4 | entries … | contents …, in the order of the entries, without gaps |
 *   entry: | kind 1 | path size 2 | modified 8 | size 8 | path … |
 *
 * Paths begin with '/', have no empty, "." or ".." parts, and ascend strictly by their bytes.
 */

enum {
	SITE_FILES_MAX = 4096,     /* folders count, too */
	SITE_PATH_MAX = 1024,      /* bytes of a path */
	SITE_SIZE_MAX = 64 << 20,  /* bytes of an image */
	SITE_ENTRY_HEAD_SIZE = 19, /* of an entry, without its path */
};

struct site_file {
	struct slice path; /* "/" is the site's folder itself */
	bool is_folder;
	uint64_t modified;    /* seconds since the Unix epoch */
	struct slice content; /* a file's */
};

/*
 * What stands before the contents, on the heap. Of content only the size is looked at. ERR_INVALID
 * for entries that break the rules above, ERR_LIMIT, ERR_NO_MEMORY.
 */
enum err site_head(const struct site_file *entries, size_t count, uint8_t **out_head,
				   size_t *out_size);

struct site; /* read by one thread; counts its holders */

/*
 * Takes an image; given back (if not NULL) is called with it after the last holder has gone, not
 * on failure. ERR_MALFORMED, ERR_TRUNCATED, ERR_TRAILING, ERR_UNSUPPORTED, ERR_LIMIT.
 */
enum err site_new(struct slice image, void (*given_back)(struct slice image),
				  struct site **out_site);
/* One page, for who has none. */
enum err site_new_plain(uint64_t modified, struct site **out_site);
struct site *site_hold(struct site *site);
void site_release(struct site *site); /* NULL-safe */

/* NULL: there is none. Folders are found without a '/' at their end. */
const struct site_file *site_find(const struct site *site, const char *path, size_t size);
