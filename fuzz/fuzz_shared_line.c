/*
 * Any text as a line for a client that shares a key with its server, and the same with a sum that
 * fits, which no fuzzer would find: what is taken is written and read to the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/shared_line.h"
#include "conf/all_kinds.h"
#include "crypto/hash.h"
#include "expect.h"

static void check(const char *text) {
	struct shared_line line, again;
	const char *problem;
	char *formatted;
	if (shared_line_parse(text, &line, &problem)) {
		expect(problem != NULL);
		return;
	}
	expect(!problem && shared_line_is_one(text));
	expect(line.endpoint_count > 0 && line.endpoint_count <= CONFIG_ENDPOINTS_MAX);
	expect(line.route_count <= SHARED_LINE_ROUTES_MAX);
	expect(!shared_line_format(&line, &formatted));
	if (shared_line_parse(formatted, &again, &problem)) {
		/* Brackets are written around addresses alone. */
		expect(strchr(formatted + sizeof "mighty://", '[') || strchr(line.endpoints[0].host, ':') ||
			   line.endpoint_count > 1);
	} else {
		expect(memcmp(line.key, again.key, sizeof line.key) == 0);
		expect(line.endpoint_count == again.endpoint_count);
		for (size_t i = 0; i < line.endpoint_count; i++)
			expect(strcmp(line.endpoints[i].host, again.endpoints[i].host) == 0 &&
				   line.endpoints[i].port == again.endpoints[i].port);
		expect(line.route_count == again.route_count &&
			   memcmp(line.routes, again.routes, line.route_count * sizeof line.routes[0]) == 0);
		expect(strcmp(line.label, again.label) == 0);
	}
	free(formatted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char key[] = "mighty://AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA";
	static char text[sizeof key + SHARED_LINE_MAX + 32];
	uint8_t digest[HASH_SIZE];
	size = size < SHARED_LINE_MAX ? size : SHARED_LINE_MAX;
	(void)snprintf(text, sizeof text, "%.*s", (int)size, (const char *)data);
	check(text);
	(void)snprintf(text, sizeof text, "%s%.*s", key, (int)size, (const char *)data);
	const struct slice part = slice_of_text(text);
	expect(!hash_digest(HASH_SHA256, &part, 1, digest));
	const size_t used = strlen(text);
	(void)snprintf(text + used, sizeof text - used, "%csum=%02x%02x%02x%02x",
				   strchr(text, '?') ? '&' : '?', digest[0], digest[1], digest[2], digest[3]);
	check(text);
	return 0;
}
