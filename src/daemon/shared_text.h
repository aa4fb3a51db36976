#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

/* Texts too long for a message, between processes: sealed memory that nobody can change any more.
 */

/* A memfd, close-on-exec, sealed against writing, growing and shrinking. */
enum err shared_text_new(struct slice text, int *out_descriptor);

/*
 * A copy of what somebody handed over, with a NUL behind it; wipe and free it. ERR_INVALID for what
 * is no such sealed memory, ERR_LIMIT above PROCESS_FILE_MAX bytes. The descriptor stays open.
 */
enum err shared_text_read(int descriptor, char **out_text, size_t *out_size);

/* The same in steps, of a memfd that may be sealed: all of the bytes; then nobody changes them. */
enum err shared_text_write(int descriptor, struct slice bytes);
enum err shared_text_seal(int descriptor);
/* How large such sealed memory is. ERR_INVALID as above, ERR_LIMIT above maximum. */
enum err shared_text_size(int descriptor, size_t maximum, size_t *out_size);
