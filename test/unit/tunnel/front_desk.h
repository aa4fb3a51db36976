#pragma once

/* A client's front ends with a far end that does what the test says. cmocka.h comes before. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tunnel/fake_carrier.h"
#include "tunnel/fake_stream_host.h"
#include "tunnel/fake_uplink.h"
#include "tunnel/front_ends.h"
#include "tunnel/stream_options.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

struct front_desk {
	struct fake_stream_host fake;
	struct fake_carriers carriers;
	struct fake_far far;
	struct uplink uplink;
	struct front_ends *ends;
	struct stream_options options;
	struct endpoint at; /* of the one listener */
};

static inline struct front_desk *front_desk_new(enum stream_listener_kind kind, const char *target,
												struct credential *users) {
	struct front_desk *desk = calloc(1, sizeof *desk);
	assert_non_null(desk);
	fake_stream_host_init(&desk->fake);
	fake_carriers_init(&desk->carriers, &desk->fake);
	fake_far_init(&desk->far, &desk->carriers);
	desk->far.is_connecting_at_once = true;
	fake_uplink_init(&desk->uplink, &desk->carriers);
	desk->options.role = STREAM_CLIENT;
	desk->options.listener_count = 1;
	desk->options.listeners[0].kind = kind;
	desk->options.users = users;
	desk->options.user_count = users ? 1 : 0;
	if (target)
		assert_int_equal(target_parse(target, 5201, kind == STREAM_LISTENER_UDP,
									  &desk->options.listeners[0].target),
						 ERR_OK);
	int listener = kind == STREAM_LISTENER_UDP ? fake_stream_host_datagrams(&desk->at)
											   : fake_stream_host_listen(&desk->at);
	assert_int_equal(
		front_ends_new(&desk->fake.host, &desk->uplink, &desk->options, &listener, &desk->ends),
		ERR_OK);
	return desk;
}

static inline void front_desk_free(struct front_desk *desk) {
	front_ends_free(desk->ends);
	fake_uplink_done(&desk->uplink);
	fake_carriers_done(&desk->carriers);
	fake_far_done(&desk->far);
	fake_stream_host_done(&desk->fake);
	free(desk);
}

static inline void front_desk_turn(struct front_desk *desk) {
	fake_stream_host_turn(&desk->fake);
}

/* Non-blocking. */
static inline int front_desk_connect(struct front_desk *desk) {
	int descriptor = fake_stream_host_connect(&desk->at);
	assert_int_equal(fcntl(descriptor, F_SETFL, O_NONBLOCK), 0);
	front_desk_turn(desk);
	return descriptor;
}

static inline void front_desk_say(struct front_desk *desk, int descriptor, const void *data,
								  size_t size) {
	assert_int_equal(send(descriptor, data, size, MSG_NOSIGNAL), size);
	front_desk_turn(desk);
}

static inline void front_desk_expect(struct front_desk *desk, int descriptor, const void *data,
									 size_t size) {
	char got[4096];
	front_desk_turn(desk);
	assert_int_equal(recv(descriptor, got, sizeof got, 0), size);
	assert_memory_equal(got, data, size);
}

/* Begins so. */
static inline void front_desk_expect_text(struct front_desk *desk, int descriptor,
										  const char *text) {
	char got[4096] = "";
	front_desk_turn(desk);
	assert_true(recv(descriptor, got, sizeof got - 1, 0) > 0);
	got[strlen(text)] = '\0';
	assert_string_equal(got, text);
}

static inline void front_desk_expect_nothing(struct front_desk *desk, int descriptor) {
	char byte;
	front_desk_turn(desk);
	assert_int_equal(recv(descriptor, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static inline void front_desk_expect_end(struct front_desk *desk, int descriptor) {
	char byte;
	front_desk_turn(desk);
	assert_int_equal(recv(descriptor, &byte, 1, 0), 0);
}

static inline void front_desk_expect_reset(struct front_desk *desk, int descriptor) {
	char byte;
	front_desk_turn(desk);
	assert_int_equal(recv(descriptor, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static inline void front_desk_close(struct front_desk *desk, int descriptor) {
	(void)close(descriptor);
	front_desk_turn(desk);
}

static inline void front_desk_far_ends(struct front_desk *desk, size_t place) {
	mux_stream_end(desk->far.streams[place]->stream);
	carrier_touch(&desk->carriers.server);
	front_desk_turn(desk);
}

static inline void front_desk_far_resets(struct front_desk *desk, size_t place,
										 enum stream_error error) {
	mux_stream_reset(desk->far.streams[place]->stream, error);
	desk->far.streams[place]->stream = NULL;
	carrier_touch(&desk->carriers.server);
	front_desk_turn(desk);
}

static inline size_t front_desk_streams(const struct front_desk *desk) {
	return mux_stream_count(desk->carriers.client.end.mux);
}

static inline const struct front_figures *front_desk_figures(const struct front_desk *desk) {
	return front_ends_figures(desk->ends);
}
