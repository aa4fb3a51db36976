/*
 * A target that decodes encodes to the same bytes, and its text parses to the same target. The same
 * input as a host's name: what parses encodes, decodes, and is then equal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "wire/target.h"

static void expect_equal(const struct target *left, const struct target *right) {
	expect(left->type == right->type && left->udp == right->udp && left->port == right->port);
	expect(address_equal(&left->address, &right->address));
	expect(strcmp(left->name, right->name) == 0);
}

/* The host that target_format() puts before the last ':'. */
static void parse_text(const struct target *target) {
	char text[TARGET_TEXT_SIZE];
	struct target again;
	target_format(target, text);
	expect(strlen(text) < sizeof text);
	if (target->type == TARGET_PACKETS)
		return;
	char *colon = strrchr(text, ':');
	expect(colon != NULL);
	*colon = '\0';
	expect(target_parse(text, target->port, target->udp, &again) == ERR_OK);
	expect_equal(target, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	uint8_t again[TARGET_SIZE_MAX];
	struct target target, second;
	size_t made = 0;
	if (target_decode(data, size, &target) == ERR_OK) {
		expect(target_encode(&target, again, sizeof again, &made) == ERR_OK && made == size);
		expect(memcmp(again, data, size) == 0);
		parse_text(&target);
	}
	char *host = malloc(size + 1);
	expect(host != NULL);
	memcpy(host, data, size);
	host[size] = '\0';
	if (target_parse(host, 443, false, &target) == ERR_OK) {
		expect(target_encode(&target, again, sizeof again, &made) == ERR_OK);
		expect(target_decode(again, made, &second) == ERR_OK);
		expect_equal(&target, &second);
		parse_text(&target);
	}
	free(host);
	return 0;
}
