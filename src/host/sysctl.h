#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Kernel settings below /proc/sys/net that are held at a value for a while. What was there before
 * is written to a file, "sysctl.OWNER" in the state folder, before anything is changed, so that a
 * later process can put it back after a crash. The file belongs to one boot and one network
 * namespace; in another it says nothing and is ignored.
 */

enum {
	SYSCTL_KEY_SIZE = 96,
	SYSCTL_PROBLEM_SIZE = 160,
	SYSCTL_RECORDS_MAX = 4096, /* of one owner: one setting of each interface and some more */
};

struct sysctl_wish {
	char key[SYSCTL_KEY_SIZE]; /* "net/ipv4/ip_forward" */
	int32_t value;
	/* A setting that does not exist, or cannot be changed, is passed over. */
	bool optional;
	/*
	 * Unless NULL: taken only where this setting, often the same, has the value `only`. What is
	 * held already goes on being held.
	 */
	const char *condition;
	int32_t only;
};

/*
 * Holds exactly these settings of an owner: new ones are set in their order, and those that the
 * owner held before and no longer names get their old values back, the last set first. One that
 * somebody else has changed meanwhile stays changed. On failure out_problem is "KEY: why"; what was
 * set stays held until the next call. With no wishes everything is put back.
 */
enum err sysctl_hold(const char *state_dir, const char *owner, const struct sysctl_wish *wishes,
					 size_t count, char out_problem[static SYSCTL_PROBLEM_SIZE]);

/* One setting as a number; ERR_NOT_FOUND, ERR_INVALID, or why it cannot be read. */
enum err sysctl_read(const char *key, int32_t *out_value);
enum err sysctl_write(const char *key, int32_t value);

/* A setting that was changed, with its value of before and ours. */
struct sysctl_record {
	char key[SYSCTL_KEY_SIZE];
	int32_t before, ours;
};

/*
 * The inside of the file, without its first line: lines of "KEY BEFORE OURS". Only keys that this
 * program ever holds are taken, as the file may be in a folder of a less trusted account.
 * ERR_MALFORMED, ERR_LIMIT, ERR_NO_MEMORY. *out_records is the caller's (free).
 */
enum err sysctl_parse(const char *text, struct sysctl_record **out_records, size_t *out_count);
