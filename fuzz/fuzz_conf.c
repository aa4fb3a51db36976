/* Any text as a configuration: what is read is dumped, read back and dumped to the same text. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/all_kinds.h"
#include "conf/config.h"
#include "expect.h"

static struct config *load(const char *path, const char *text, size_t size) {
	const struct config_source source = {.path = path, .text = text, .text_size = size};
	struct config *config = NULL;
	struct config_errors errors;
	enum err error = config_load(&source, &config, &errors);
	expect(!error || error == ERR_INVALID);
	expect((error == ERR_INVALID) == (errors.count > 0) && errors.count <= CONFIG_ERRORS_MAX);
	for (size_t i = 0; i < errors.count; i++)
		for (const char *at = errors.lines[i]; *at; at++)
			expect((uint8_t)*at >= 0x20 && *at != 0x7f);
	config_errors_done(&errors);
	return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char *dumped, *dumped_again;
	size_t dumped_size, size_again;
	struct config *config = load("/etc/umbra/umbra.yaml", (const char *)data, size);
	if (!config)
		return 0;
	expect(!config_dump(config, &dumped, &dumped_size));
	config_free(config);
	config = load("/another/place.yaml", dumped, dumped_size);
	expect(config);
	expect(!config_dump(config, &dumped_again, &size_again));
	expect(size_again == dumped_size && memcmp(dumped, dumped_again, size_again) == 0);
	config_free(config);
	free(dumped);
	free(dumped_again);
	return 0;
}
