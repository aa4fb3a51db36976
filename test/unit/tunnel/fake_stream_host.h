#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/list.h"
#include "base/random.h"
#include "tunnel/stream_host.h"

/*
 * The surroundings of a tunnel of streams for tests: sockets are real ones of the loopback
 * interface, names are those that the test says, and time stands still unless the test lets it
 * pass. Linked with it, control_timer_*() follow that time, too (see umbra_stream_tests() in
 * src/tunnel/CMakeLists.txt). One at a time. Whatever goes wrong fails the test.
 */

enum {
	FAKE_STREAM_HOST_NAMES = 32,
	FAKE_STREAM_HOST_ADDRESSES = 16,
	FAKE_STREAM_HOST_EVENTS = 64,
	FAKE_STREAM_HOST_STRANGERS = 64,
	FAKE_STREAM_HOST_PATIENCE = 20, /* seconds of the wall's clock, of fake_stream_host_until() */
};

#define FAKE_STREAM_HOST_BORN (1000 * UINT64_C(1000000000))

/* Something that is done in every turn, behind what the loop did. */
struct fake_stream_host_hook {
	struct list link;
	bool (*turn)(struct fake_stream_host_hook *hook); /* whether anything happened */
};

struct fake_stream_host {
	struct stream_host host;
	uint64_t now, wall_now; /* ns; the test may set them, too */
	/* What is wrong, to be set by the test. */
	int socket_error[STREAM_SOCKETS]; /* errno; 0: there are sockets */
	bool is_socket_kept;              /* wishes wait until fake_stream_host_give() */
	bool is_resolver_silent;          /* questions wait until that is over */
	bool is_nobody_serving;           /* strangers */
	/* What was asked for. */
	unsigned sockets[STREAM_SOCKETS], questions;
	char asked[256]; /* the last question */
	size_t event_count;
	struct stream_event events[FAKE_STREAM_HOST_EVENTS];
	size_t stranger_count;
	struct {
		int descriptor; /* the end of who serves, the test's to close; -1: taken */
		struct endpoint from;
		char protocol[16];
	} strangers[FAKE_STREAM_HOST_STRANGERS];
	/* The rest is its own. */
	struct list hooks, wishes, waiting;
	struct random_source random;
	uint64_t seed;
	size_t name_count;
	struct fake_stream_host_name {
		char name[256];
		struct address addresses[FAKE_STREAM_HOST_ADDRESSES];
		size_t count;
		enum err error;
	} names[FAKE_STREAM_HOST_NAMES];
	int bell; /* ends a turn of the loop */
	struct control_watch *bell_watch;
};

void fake_stream_host_init(struct fake_stream_host *fake);
/* Nobody may wait for anything any more. */
void fake_stream_host_done(struct fake_stream_host *fake);

void fake_stream_host_add(struct fake_stream_host *fake, struct fake_stream_host_hook *hook);

/* What the name leads to: addresses with blanks between them; the error where there are none. */
void fake_stream_host_name(struct fake_stream_host *fake, const char *name, const char *addresses,
						   enum err error);
/* Those who wait for sockets get them. */
void fake_stream_host_give(struct fake_stream_host *fake);

/* All that can be done now. */
void fake_stream_host_turn(struct fake_stream_host *fake);
/* The same until it is true. */
void fake_stream_host_until(struct fake_stream_host *fake, bool (*is_so)(void *context),
							void *context);
/* Time passes, and what is due is done in its order. */
void fake_stream_host_advance(struct fake_stream_host *fake, uint64_t by);

/* A listening TCP socket on 127.0.0.1, non-blocking. */
int fake_stream_host_listen(struct endpoint *out_at);
/* A blocking TCP socket that is connected to there; its receiving gives up after a while. */
int fake_stream_host_connect(const struct endpoint *to);
/* A UDP socket on 127.0.0.1, non-blocking. */
int fake_stream_host_datagrams(struct endpoint *out_at);
