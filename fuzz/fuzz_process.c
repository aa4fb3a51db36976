/* A message that decodes encodes to the same bytes and keeps its bounds. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct process_message message;
	uint8_t again[PROCESS_MESSAGE_MAX];
	size_t encoded = 0;
	if (process_decode(data, size, &message))
		return 0;
	check(message.type < PROCESS_TYPE_COUNT);
	if (message.type == PROCESS_START) {
		check(memchr(message.start.name, '\0', PROCESS_NAME_SIZE) != NULL);
		check(message.start.shards >= 1 && message.start.shards <= PROCESS_SHARDS_MAX);
	}
	if (message.type == PROCESS_LISTEN)
		check(message.listen.shards >= 1 && message.listen.shards <= PROCESS_SHARDS_MAX);
	if (message.type == PROCESS_LISTENING)
		check(message.listening.v4 + message.listening.v6 <= PROCESS_DESCRIPTORS_MAX);
	check(!process_encode(&message, again, &encoded));
	check(encoded == size && memcmp(again, data, size) == 0);
	return 0;
}
