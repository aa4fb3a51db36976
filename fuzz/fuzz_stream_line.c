/* Any text as a line for a client: what is taken is written and read to the same. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stream_line.h"
#include "conf/both_kinds.h"
#include "expect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct stream_line line, again;
	const char *problem;
	char *text = malloc(size + 1), *formatted;
	expect(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (!stream_line_parse(text, &line, &problem)) {
		expect(!problem && stream_line_is_one(text) && line.port > 0 && line.host[0]);
		expect(!stream_line_format(&line, &formatted));
		/* Brackets are written around addresses alone. */
		if (!stream_line_parse(formatted, &again, &problem))
			expect(strcmp(line.label, again.label) == 0 && line.pin_count == again.pin_count &&
				   strcmp(line.path, again.path) == 0 && strcmp(line.host, again.host) == 0 &&
				   line.address_count == again.address_count &&
				   line.route_count == again.route_count && line.dns_count == again.dns_count &&
				   memcmp(line.routes, again.routes, sizeof line.routes) == 0);
		else
			expect(strchr(line.host, ':') != NULL);
		free(formatted);
	} else {
		expect(problem != NULL);
	}
	free(text);
	return 0;
}
