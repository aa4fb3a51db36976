#pragma once

/* Include after cmocka.h: what the ends of a desk have to send, and bringing it to the other. */

#include "handshake/phaze_desk.h"

enum { DESK_ROOM = 24 * 1024 };

/* All that an end has to send now, one after another. */
struct desk_packets {
	size_t size;
	uint8_t bytes[DESK_ROOM];
};

static inline void desk_append(struct desk_packets *packets, struct slice packet) {
	assert_true(packets->size + packet.size <= sizeof packets->bytes);
	memcpy(packets->bytes + packets->size, packet.data, packet.size);
	packets->size += packet.size;
}

static inline size_t desk_take_client(struct desk *desk, struct desk_packets *packets) {
	struct slice packet;
	packets->size = 0;
	while (phaze_client_send(desk->client, &packet))
		desk_append(packets, packet);
	return packets->size;
}

static inline size_t desk_take_server(struct desk *desk, struct desk_packets *packets) {
	struct slice packet;
	packets->size = 0;
	while (phaze_server_send(desk->server, &packet))
		desk_append(packets, packet);
	return packets->size;
}

/* The packet at a place; steps on. */
static inline bool desk_next(const struct desk_packets *packets, size_t *at, struct slice *packet) {
	struct phaze_header header;
	if (*at >= packets->size)
		return false;
	assert_int_equal(phaze_packet_decode_head(packets->bytes + *at, &header), ERR_OK);
	*packet = slice_of(packets->bytes + *at, PHAZE_HEADER_SIZE + (size_t)header.length);
	*at += packet->size;
	return true;
}

/* The last packet's error. */
static inline enum err desk_to_client(struct desk *desk, const struct desk_packets *packets) {
	enum err error = ERR_OK;
	struct slice packet;
	for (size_t at = 0; desk_next(packets, &at, &packet);)
		error = phaze_client_receive(desk->client, desk->now, packet.data, packet.size);
	return error;
}

static inline enum err desk_to_server(struct desk *desk, const struct desk_packets *packets) {
	enum err error = ERR_OK;
	struct slice packet;
	for (size_t at = 0; desk_next(packets, &at, &packet);)
		error =
			phaze_server_receive(desk->server, desk->now, &desk->from, packet.data, packet.size);
	return error;
}

static inline enum err desk_open(struct desk *desk, const uint8_t *data, size_t size) {
	desk->input.from = &desk->from;
	desk->input.data = data;
	desk->input.size = size;
	desk->input.now = desk->now;
	if (desk->input.session_id == 0)
		desk->input.session_id = desk->v->server_id;
	return phaze_server_open(&desk->setup, &desk->input, desk->retry, &desk->server);
}

/* Up to a server that has greeted, and its flight; the client has sent its hello. */
static inline void desk_greet(struct desk *desk, size_t number, struct desk_packets *flight) {
	desk_init(desk, number);
	desk_start(desk);
	desk_take_client(desk, flight);
	if (desk->v->with_cookie) {
		desk->input.loaded = true;
		assert_int_equal(desk_open(desk, flight->bytes, flight->size), ERR_COOKIE_REQUIRED);
		assert_int_equal(
			phaze_client_receive(desk->client, desk->now, desk->retry, sizeof desk->retry), ERR_OK);
		desk_take_client(desk, flight);
	}
	assert_int_equal(desk_open(desk, flight->bytes, flight->size), ERR_OK);
	desk_take_server(desk, flight);
}

/* Up to a client that has shown itself: its flight. */
static inline void desk_show(struct desk *desk, size_t number, struct desk_packets *flight) {
	desk_greet(desk, number, flight);
	assert_int_equal(desk_to_client(desk, flight), ERR_OK);
	assert_int_equal(phaze_client_state(desk->client), PHAZE_CLIENT_SHOWING);
	desk_take_client(desk, flight);
}
