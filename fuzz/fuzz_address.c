/* Texts of addresses, prefixes and endpoints: what was parsed and formatted parses to the same. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "expect.h"

static void check_address(const char *text) {
	struct address address, again;
	char formatted[ADDRESS_TEXT_SIZE];
	if (address_parse(text, &address))
		return;
	expect(address_size(&address) > 0);
	address_format(&address, formatted);
	expect(!address_parse(formatted, &again) && address_equal(&address, &again));
}

static void check_prefix(const char *text) {
	struct prefix prefix, again;
	char formatted[ADDRESS_TEXT_SIZE];
	if (prefix_parse(text, &prefix))
		return;
	expect(prefix.length <= 8 * address_size(&prefix.address));
	again = prefix;
	prefix_mask(&again);
	expect(prefix_equal(&prefix, &again));
	prefix_format(&prefix, formatted);
	expect(!prefix_parse(formatted, &again) && prefix_equal(&prefix, &again));
}

static void check_endpoint(const char *text) {
	struct endpoint endpoint, again;
	char formatted[ENDPOINT_TEXT_SIZE];
	if (endpoint_parse(text, &endpoint))
		return;
	expect(endpoint.scope_id == 0 || endpoint.address.family == ADDRESS_V6);
	endpoint_format(&endpoint, formatted);
	expect(!endpoint_parse(formatted, &again) && endpoint_equal(&endpoint, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_address(text);
	check_prefix(text);
	check_endpoint(text);
	free(text);
	return 0;
}
