#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * Records that outlive the net process: a memory file that the privileged process keeps a
 * descriptor of and never reads. A record counts once the header's length covers it, which is
 * written last, so that an end at any instruction leaves whole records only.
 *
 *   | magic 8 | committed 8 | (size 4, record, zeros to a multiple of 8)* |     in machine order
 *
 * One process writes at a time. It holds private keys: the mapping is as locked as the process is.
 */

enum { JOURNAL_SIZE_MAX = 1 << 30 };

struct journal;

/* Takes the descriptor over when it succeeds. An empty or zeroed file becomes a new journal. */
enum err journal_open(int descriptor, struct journal **out_journal);
/* A journal of its own, empty. */
enum err journal_new(struct journal **out_journal);
void journal_free(struct journal *journal);

/* Still the journal's. */
int journal_descriptor(const struct journal *journal);
/* Bytes of all records. */
size_t journal_size(const struct journal *journal);

enum err journal_append(struct journal *journal, struct slice record);

/*
 * The record at *position (0 for the first), and the position behind it. ERR_NOT_FOUND at the end,
 * ERR_MALFORMED when the file is damaged. The record lives until the next append.
 */
enum err journal_next(const struct journal *journal, size_t *position, struct slice *out_record);
