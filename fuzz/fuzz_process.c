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

static void check_shards(unsigned shards) {
	check(shards >= 1 && shards <= PROCESS_SHARDS_MAX);
}

static void check_body(const struct process_message *message) {
	switch (message->type) {
	case PROCESS_START:
		check(memchr(message->start.name, '\0', PROCESS_NAME_SIZE) != NULL);
		break;
	case PROCESS_ATTACH:
		check(memchr(message->attach.name, '\0', PROCESS_NAME_SIZE) != NULL);
		check(memchr(message->attach.protocol, '\0', PROCESS_NAME_SIZE) != NULL);
		check(message->attach.shards <= PROCESS_SHARDS_MAX);
		check(message->attach.streams <= PROCESS_LISTENERS_MAX);
		break;
	case PROCESS_SOCKETS:
		check(message->sockets.count <= PROCESS_SOCKETS_MAX);
		check(message->sockets.kind < PROCESS_SOCKET_KINDS);
		break;
	case PROCESS_RESOLVE:
		check(memchr(message->resolve.name, '\0', PROCESS_HOST_SIZE) != NULL);
		break;
	case PROCESS_RESOLVED:
		check(message->resolved.count <= PROCESS_FOUND_MAX);
		break;
	case PROCESS_LISTEN:
		check_shards(message->listen.shards);
		break;
	case PROCESS_LISTENING:
		check(message->listening.v4 + message->listening.v6 <= PROCESS_DESCRIPTORS_MAX);
		break;
	case PROCESS_STATE:
		check(memchr(message->state.name, '\0', PROCESS_NAME_SIZE) != NULL);
		check(memchr(message->state.text, '\0', PROCESS_TEXT_SIZE) != NULL);
		check(message->state.state <= PROCESS_STATE_FAILED);
		break;
	case PROCESS_UP:
	case PROCESS_DOWN:
		check(memchr(message->order.name, '\0', PROCESS_NAME_SIZE) != NULL);
		break;
	case PROCESS_RESULT:
	case PROCESS_TEXT:
		check(memchr(message->result.text, '\0', PROCESS_TEXT_SIZE) != NULL);
		break;
	case PROCESS_EVENT:
		check(message->event.kind <= PROCESS_EVENT_UNREACHABLE);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct process_message message;
	uint8_t again[PROCESS_MESSAGE_MAX];
	size_t encoded = 0;
	if (process_decode(data, size, &message))
		return 0;
	check(message.type < PROCESS_TYPE_COUNT && message.tunnel < PROCESS_TUNNELS_MAX);
	check_body(&message);
	check(!process_encode(&message, again, &encoded));
	check(encoded == size && memcmp(again, data, size) == 0);
	return 0;
}
