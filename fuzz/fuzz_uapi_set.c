/* Whole set operations against a device of one shard that the fuzzer turns itself. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "proto/desk.h"

/*
 * Input: a byte of flags, then operations, each ended by an empty line. Properties: an operation
 * that fails changes nothing; what get answers can be set, and then get answers the same; and so
 * for what was saved.
 */
enum { FLAG_UP = 1, FLAG_PORT_FAILS = 2, FLAG_MARK_FAILS = 4, FLAG_TURNS_ONCE = 8 };
enum { OPERATIONS_MAX = 16 };

static const char reset[] = "private_key=0000000000000000000000000000000000000000000000000000000000"
							"000000\nlisten_port=0\nfwmark=0\nreplace_peers=true\n";

static void forget_records(struct desk *desk) {
	for (size_t i = 0; i < desk->record_count; i++)
		free((void *)(uintptr_t)desk->records[i].data);
	desk->record_count = 0;
}

static void start(struct desk *desk) {
	desk->listen_error = desk->mark_error = 0;
	desk->ops->link(desk->device, DESK_MTU, false);
	expect(desk_set(desk, reset) == 0);
	desk_turn(desk);
	forget_records(desk);
}

/* The lines that can be set; the others are what a device reports. */
static bool is_setting(const char *line, size_t size) {
	static const char *const reports[] = {"last_handshake", "tx_bytes", "rx_bytes"};
	for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
		if (size > strlen(reports[i]) && strncmp(line, reports[i], strlen(reports[i])) == 0)
			return false;
	return true;
}

/* Without counters, which traffic changes. */
static char *settings_of(const struct desk *desk) {
	char *text = desk_get(desk), *out = text;
	const char *line = text;
	while (*line) {
		const char *next = strchr(line, '\n') + 1;
		size_t size = (size_t)(next - line);
		if (is_setting(line, size)) {
			memmove(out, line, size);
			out += size;
		}
		line = next;
	}
	*out = '\0';
	return text;
}

static void expect_settings(const struct desk *desk, const char *expected) {
	char *settings = settings_of(desk);
	expect(strcmp(settings, expected) == 0);
	free(settings);
}

static void run_operation(struct desk *desk, struct slice text, unsigned flags) {
	char *before = settings_of(desk);
	int number = desk->ops->set(desk->device, text);
	if (number != 0)
		expect_settings(desk, before);
	free(before);
	if (flags & FLAG_TURNS_ONCE)
		shard_turn(engine_shard(desk->engine, 0));
	else
		desk_turn(desk);
	/* What keepalives and handshakes sent. */
	if (desk->v4[0])
		fake_transport_forget(desk->v4[0]);
}

static void check_copies(struct desk *desk, struct desk *copy) {
	desk->listen_error = desk->mark_error = 0;
	desk->ops->link(desk->device, DESK_MTU, false);
	desk_turn(desk);
	char *settings = settings_of(desk);
	start(copy);
	expect(desk_set(copy, settings) == 0);
	expect_settings(copy, settings);
	start(copy);
	forget_records(desk);
	desk->ops->save_all(desk->device);
	for (size_t i = 0; i < desk->record_count; i++)
		expect(copy->ops->restore(copy->device, desk->records[i]) == ERR_OK);
	desk_turn(copy);
	expect_settings(copy, settings);
	free(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct desk *desk, *copy;
	if (!desk) {
		desk = desk_new(1);
		copy = desk_new(1);
	}
	if (size == 0)
		return 0;
	start(desk);
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
		run_operation(desk, slice_of(at, length), flags);
		at = empty ? empty + 2 : end;
		if (desk->record_count > DESK_RECORDS / 2)
			forget_records(desk);
	}
	desk_turn(desk);
	check_copies(desk, copy);
	return 0;
}
