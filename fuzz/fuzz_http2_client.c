/*
 * The client's end of HTTP/2 with a server that sends anything: the first byte says how it is cut,
 * the rest is what comes. Its first words are never changed by that, what it keeps is bounded, and
 * it only becomes raw by a cookie that was accepted.
 */
#include <stdint.h>
#include <string.h>

#include "transport/http2_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct http2_client *client, bool raw) {
	size_t count;
	const struct http2_field *fields = http2_client_fields(client, &count);
	http2_pair_require(count <= HTTP2_FIELDS_MAX);
	if (raw) {
		bool found = false;
		for (size_t i = 0; i < count; i++)
			found |=
				fields[i].name.size == 10 && memcmp(fields[i].name.data, "set-cookie", 10) == 0;
		http2_pair_require(found);
	}
	http2_pair_require(http2_client_body(client).size <= HTTP2_CLIENT_BODY_MAX);
	http2_pair_require(http2_client_outgoing(client).size < HTTP2_OUTGOING_MAX + 70000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	struct http2_client *client = http2_pair_client("id=one");
	size_t chunk = data[0] + 1U, at = 1;
	http2_pair_require(http2_client_outgoing(client).size == 70);
	if (data[0] & 1)
		for (int i = 0; i < 2; i++)
			http2_client_sent(client, http2_client_outgoing(client).size);
	while (at < size) {
		size_t part = size - at < chunk ? size - at : chunk, taken = part + 1;
		bool raw = http2_client_state(client) == HTTP2_CLIENT_RAW;
		bool failed = http2_client_state(client) == HTTP2_CLIENT_FAILED;
		uint8_t *bytes = malloc(part);
		http2_pair_require(bytes != NULL);
		memcpy(bytes, data + at, part);
		enum err error = http2_client_receive(client, bytes, part, &taken);
		free(bytes);
		http2_pair_require(error == ERR_OK ? taken <= part : taken == part + 1);
		http2_pair_require(!raw || (error == ERR_OK && taken == 0));
		http2_pair_require(!failed || error != ERR_OK);
		check(client, http2_client_state(client) == HTTP2_CLIENT_RAW);
		if (error || taken < part)
			break;
		at += part;
	}
	if (!(data[0] & 1))
		http2_pair_require(http2_client_outgoing(client).size == 70);
	http2_client_free(client);
	return 0;
}
