/* What is taken is whole, and written again it is the same. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/stream_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
	if (!holds)
		abort();
}

static void check_all(const struct stream_options *options) {
	check(options->listener_count <= STREAM_LISTENERS_MAX);
	check(options->rule_count <= STREAM_RULES_MAX && options->pin_count <= TLS_PINS_MAX);
	check(memchr(options->cookie, '\0', sizeof options->cookie) && options->cookie[0]);
	check(memchr(options->path, '\0', sizeof options->path) && options->path[0] == '/');
	for (size_t i = 0; i < options->rule_count; i++)
		check(policy_rule_is_valid(&options->rules[i]));
	if (options->role == STREAM_SERVER)
		check(options->certificates && options->certificate_key && options->streams_max > 0);
	else
		check(options->connections > 0 && options->connections <= STREAM_CONNECTIONS_MAX &&
			  (options->pin_count > 0 || options->roots));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct stream_options options, again;
	struct uapi_text first = {0}, second = {0};
	size_t taken;
	if (stream_options_decode(slice_of(data, size), &options, &taken))
		return 0;
	check(taken <= size);
	check_all(&options);
	stream_options_encode(&options, &first);
	check(!first.error && stream_options_are_there(slice_of(first.data, first.size)));
	check(!stream_options_decode(slice_of(first.data, first.size), &again, &taken));
	check(taken == first.size);
	stream_options_encode(&again, &second);
	check(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
	uapi_text_done(&first);
	uapi_text_done(&second);
	stream_options_done(&options);
	stream_options_done(&again);
	return 0;
}
