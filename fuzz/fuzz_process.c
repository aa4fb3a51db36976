/* A message that decodes encodes to the same bytes and keeps its bounds. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/process.h"

static void check_shards(unsigned shards) {
	expect(shards >= 1 && shards <= PROCESS_SHARDS_MAX);
}

static void check_body(const struct process_message *message) {
	switch (message->type) {
	case PROCESS_START:
		expect(memchr(message->start.name, '\0', PROCESS_NAME_SIZE) != NULL);
		break;
	case PROCESS_ATTACH:
		expect(memchr(message->attach.name, '\0', PROCESS_NAME_SIZE) != NULL);
		expect(memchr(message->attach.protocol, '\0', PROCESS_NAME_SIZE) != NULL);
		expect(message->attach.shards <= PROCESS_SHARDS_MAX);
		expect(message->attach.streams <= PROCESS_LISTENERS_MAX);
		break;
	case PROCESS_SOCKETS:
		expect(message->sockets.count <= PROCESS_SOCKETS_MAX);
		expect(message->sockets.kind < PROCESS_SOCKET_KINDS);
		break;
	case PROCESS_RESOLVE:
		expect(memchr(message->resolve.name, '\0', PROCESS_HOST_SIZE) != NULL);
		break;
	case PROCESS_RESOLVED:
		expect(message->resolved.count <= PROCESS_FOUND_MAX);
		break;
	case PROCESS_LISTEN:
		check_shards(message->listen.shards);
		break;
	case PROCESS_LISTENING:
		expect(message->listening.v4 + message->listening.v6 <= PROCESS_DESCRIPTORS_MAX);
		break;
	case PROCESS_STATE:
		expect(memchr(message->state.name, '\0', PROCESS_NAME_SIZE) != NULL);
		expect(memchr(message->state.text, '\0', PROCESS_TEXT_SIZE) != NULL);
		expect(message->state.state <= PROCESS_STATE_FAILED);
		break;
	case PROCESS_UP:
	case PROCESS_DOWN:
		expect(memchr(message->order.name, '\0', PROCESS_NAME_SIZE) != NULL);
		break;
	case PROCESS_RESULT:
	case PROCESS_TEXT:
		expect(memchr(message->result.text, '\0', PROCESS_TEXT_SIZE) != NULL);
		break;
	case PROCESS_EVENT:
		expect(message->event.kind <= PROCESS_EVENT_REFUSED);
		expect(memchr(message->event.text, '\0', PROCESS_TEXT_SIZE) != NULL);
		break;
	case PROCESS_VERDICT:
		expect(message->verdict.reject < PROCESS_REJECTS);
		break;
	case PROCESS_TICKET:
		expect(message->ticket.size <= PROCESS_TICKET_MAX);
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
	expect(message.type < PROCESS_TYPE_COUNT && message.tunnel < PROCESS_TUNNELS_MAX);
	check_body(&message);
	expect(!process_encode(&message, again, &encoded));
	expect(encoded == size && memcmp(again, data, size) == 0);
	return 0;
}
