#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/carrier.h"
#include "stream/mux.h"

/*
 * A client and a server, joined by two carriers, on a virtual clock. The client's streams are
 * flows: bytes up, and bytes down once all of those came; each byte is compared where it comes.
 */

struct cipher_rules;

enum { STREAMS_MAX = 2000 };

struct streams_flow {
	uint64_t up, down;  /* bytes; set before streams_start() */
	bool is_duplex;     /* the answer does not wait for all of the request */
	bool is_stalled;    /* the client does not read */
	uint64_t read_rate; /* bytes a second that the client reads; 0: as they come */
	/* What became of it. */
	uint64_t sent[2], received[2];       /* by the client, by the server */
	uint64_t started, first_byte, ended; /* ns, at the client; 0: not yet */
	bool is_closed[2], is_wrong;
	uint32_t error[2];
	uint64_t read_at; /* the client's allowance counts from here */
	struct mux_stream *streams[2];
};

struct streams_setup {
	struct carrier_rules carrier; /* both directions' */
	const struct cipher_rules *cipher;
	uint8_t shaping; /* enum stream_shaping, of both ends */
	uint64_t seed;
};

struct streams {
	uint64_t now;
	struct mux *ends[2];         /* client, server */
	struct carrier *carriers[2]; /* from the client, from the server */
	struct streams_flow flows[STREAMS_MAX];
	struct streams_part *parts; /* keys, workers: freed by streams_free() */
};

/* Aborts without memory. */
struct streams *streams_new(const struct streams_setup *setup);
void streams_free(struct streams *streams);

/* Opens the flow's stream: flows are started in the order of their numbers. */
enum err streams_start(struct streams *streams, size_t flow);

/* Whether both ends of the flow have ended in peace, with every byte as it was sent. */
bool streams_is_done(const struct streams *streams, size_t flow);

/* Lets time pass until all of flows first to last are closed at the client, or until then. */
bool streams_run(struct streams *streams, size_t first, size_t last, uint64_t until);
