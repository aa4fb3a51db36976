/* What is taken is whole, and written again it is the same. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "tunnel/stream_options.h"

static void check_all(const struct stream_options *options) {
	expect(options->listener_count <= STREAM_LISTENERS_MAX);
	expect(options->rule_count <= STREAM_RULES_MAX && options->pin_count <= TLS_PINS_MAX);
	expect(memchr(options->cookie, '\0', sizeof options->cookie) && options->cookie[0]);
	expect(memchr(options->path, '\0', sizeof options->path) && options->path[0] == '/');
	for (size_t i = 0; i < options->rule_count; i++)
		expect(policy_rule_is_valid(&options->rules[i], POLICY_OF_STREAMS));
	if (options->role == STREAM_SERVER)
		expect(options->certificates && options->certificate_key && options->streams_max > 0);
	else
		expect(options->connections > 0 && options->connections <= STREAM_CONNECTIONS_MAX &&
			   (options->pin_count > 0 || options->roots));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct stream_options options, again;
	struct uapi_text first = {0}, second = {0};
	size_t taken;
	if (stream_options_decode(slice_of(data, size), &options, &taken))
		return 0;
	expect(taken <= size);
	check_all(&options);
	stream_options_encode(&options, &first);
	expect(!first.error && stream_options_are_there(slice_of(first.data, first.size)));
	expect(!stream_options_decode(slice_of(first.data, first.size), &again, &taken));
	expect(taken == first.size);
	stream_options_encode(&again, &second);
	expect(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
	uapi_text_done(&first);
	uapi_text_done(&second);
	stream_options_done(&options);
	stream_options_done(&again);
	return 0;
}
