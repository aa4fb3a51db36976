#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "conf/config.h"

/*
 * Files of wg-quick(8): read into the very structures of a configuration, and written from them.
 * Their keys are inside; wipe what holds them.
 */

/* A key that umbra does not do, or one worth a remark, with the line it stands in. */
struct wg_quick_note {
	unsigned line;
	char text[200]; /* "PostUp is not supported: umbra runs no shell commands; ..." */
};

enum { WG_QUICK_NOTES_MAX = 64, WG_QUICK_SIZE_MAX = 16 << 20 };

struct wg_quick {
	struct config_tunnel tunnel; /* name empty, no key files: the keys stand in the structures */
	bool has_private_key;
	struct wg_quick_note notes[WG_QUICK_NOTES_MAX];
	size_t note_count;
	void *memory;
};

/*
 * ERR_INVALID with a line in out_error ("line 7: ...") that never repeats a key. Comments are
 * skipped; "# Name = phone" or "# phone" directly before [Peer] or within it names the peer.
 */
enum { WG_QUICK_ERROR_SIZE = 240 };
enum err wg_quick_parse(const char *text, size_t size, struct wg_quick *out_file,
						char out_error[static WG_QUICK_ERROR_SIZE]);
void wg_quick_done(struct wg_quick *file);

/*
 * The text of such a file, keys included, in memory that wg_quick_text_free() wipes. With no
 * private key (zeros) a comment says that it is missing.
 */
enum err wg_quick_format(const struct config_tunnel *tunnel, char **out_text, size_t *out_size);
void wg_quick_text_free(char *text, size_t size);

/*
 * The YAML of one tunnel ("um0:" and what belongs to it, indented for "tunnels:"), keys as files
 * of the given paths.
 */
enum err wg_quick_to_yaml(const struct config_tunnel *tunnel, char **out_text, size_t *out_size);
