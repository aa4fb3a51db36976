#pragma once

/*
 * Whole set operations against a device of one shard that the fuzzer turns itself. Input: a byte of
 * flags, then operations, each ended by an empty line. An operation that fails changes nothing.
 */

#include <string.h>

#include "expect.h"
#include "proto/desk.h"

enum { FLAG_UP = 1, FLAG_PORT_FAILS = 2, FLAG_MARK_FAILS = 4, FLAG_TURNS_ONCE = 8 };
enum { OPERATIONS_MAX = 16 };

static inline void set_desk_forget_records(struct desk *desk) {
	for (size_t i = 0; i < desk->record_count; i++)
		free((void *)(uintptr_t)desk->records[i].data);
	desk->record_count = 0;
}

/* Down, and as it was made. */
static inline void set_desk_reset(struct desk *desk, const char *reset) {
	desk->listen_error = desk->mark_error = 0;
	desk->ops->link(desk->device, DESK_MTU, false);
	expect(desk_set(desk, reset) == 0);
	desk_turn(desk);
	set_desk_forget_records(desk);
}

/* The lines that can be set; the others are what a device reports. */
static inline bool set_desk_is_setting(const char *line, size_t size) {
	static const char *const reports[] = {"last_handshake", "tx_bytes", "rx_bytes"};
	for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
		if (size > strlen(reports[i]) && strncmp(line, reports[i], strlen(reports[i])) == 0)
			return false;
	return true;
}

/* Without counters, which traffic changes. */
static inline char *set_desk_settings(const struct desk *desk) {
	char *text = desk_get(desk), *out = text;
	const char *line = text;
	while (*line) {
		const char *next = strchr(line, '\n') + 1;
		size_t size = (size_t)(next - line);
		if (set_desk_is_setting(line, size)) {
			memmove(out, line, size);
			out += size;
		}
		line = next;
	}
	*out = '\0';
	return text;
}

static inline void set_desk_expect(const struct desk *desk, const char *expected) {
	char *settings = set_desk_settings(desk);
	expect(strcmp(settings, expected) == 0);
	free(settings);
}

static inline void set_desk_operation(struct desk *desk, struct slice text, unsigned flags) {
	char *before = set_desk_settings(desk);
	int number = desk->ops->set(desk->device, text);
	if (number != 0)
		set_desk_expect(desk, before);
	free(before);
	if (flags & FLAG_TURNS_ONCE)
		shard_turn(engine_shard(desk->engine, 0));
	else
		desk_turn(desk);
	/* What keepalives and handshakes sent. */
	if (desk->v4[0])
		fake_transport_forget(desk->v4[0]);
}

/* All of the input, size being at least 1; then the link is down again. */
static inline void set_desk_run(struct desk *desk, const uint8_t *data, size_t size) {
	unsigned flags = data[0];
	if (flags & FLAG_UP)
		desk->ops->link(desk->device, DESK_MTU, true);
	/* A mark that fails behind a port that was changed is the one case that is not undone. */
	bool both = memmem(data, size, "listen_port", 11) && memmem(data, size, "fwmark", 6);
	desk->listen_error = flags & FLAG_PORT_FAILS ? 98 : 0;
	desk->mark_error = flags & FLAG_MARK_FAILS && !both ? 1 : 0;
	const uint8_t *at = data + 1, *end = data + size;
	for (int i = 0; i < OPERATIONS_MAX && at < end; i++) {
		const uint8_t *empty = memmem(at, (size_t)(end - at), "\n\n", 2);
		size_t length = empty ? (size_t)(empty - at) + 1 : (size_t)(end - at);
		set_desk_operation(desk, slice_of(at, length), flags);
		at = empty ? empty + 2 : end;
		if (desk->record_count > DESK_RECORDS / 2)
			set_desk_forget_records(desk);
	}
	desk_turn(desk);
	desk->listen_error = desk->mark_error = 0;
	desk->ops->link(desk->device, DESK_MTU, false);
	desk_turn(desk);
}

/* What it saves makes another device the same. */
static inline void set_desk_expect_restored(struct desk *desk, struct desk *copy) {
	char *settings = set_desk_settings(desk);
	set_desk_forget_records(desk);
	desk->ops->save_all(desk->device);
	for (size_t i = 0; i < desk->record_count; i++)
		expect(copy->ops->restore(copy->device, desk->records[i]) == ERR_OK);
	desk_turn(copy);
	set_desk_expect(copy, settings);
	free(settings);
}
