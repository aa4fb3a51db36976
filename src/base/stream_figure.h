#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/figure.h"

/*
 * The figures of a tunnel of streams, and of each of its peers: all that count, carry, show or
 * export them name them alike. New ones are rows here; doc/metrics.md says what each one means.
 */

#define STREAM_FIGURES(ROW)                                                               \
	ROW(CONNECTIONS, connections, GAUGE) /* between both ends, that carry streams */      \
	ROW(STREAMS, streams, GAUGE)                                                          \
	ROW(RELAYS, relays, GAUGE)     /* TCP connections that streams lead to, or come of */ \
	ROW(SESSIONS, sessions, GAUGE) /* the same of datagrams */                            \
	ROW(ACCEPTED, accepted, COUNTER)                                                      \
	ROW(DECLINED, declined, COUNTER)                                                      \
	ROW(ADMITTED, admitted, COUNTER)                                                      \
	ROW(DECOYED, decoyed, COUNTER)                                                        \
	ROW(OPENED, opened, COUNTER)                                                          \
	ROW(REFUSED, refused, COUNTER)                                                        \
	ROW(FAILED, failed, COUNTER)                                                          \
	ROW(QUESTIONS, questions, COUNTER)                                                    \
	ROW(DATAGRAMS_DROPPED, datagrams_dropped, COUNTER)                                    \
	ROW(PACKETS_DROPPED, packets_dropped, COUNTER)

#define STREAM_PEER_FIGURES(ROW)                          \
	ROW(CONNECTIONS, connections, GAUGE)                  \
	ROW(STREAMS, streams, GAUGE)                          \
	ROW(ROUND_TRIP, round_trip, GAUGE) /* microseconds */ \
	ROW(HELD, held, GAUGE)             /* bytes unread */ \
	ROW(WINDOW_SEND, window_send, GAUGE)                  \
	ROW(WINDOW_RECEIVE, window_receive, GAUGE) /* of all connections together */

#define STREAM_FIGURE_ENUMERATOR(upper, lower, kind) STREAM_FIGURE_##upper,
enum stream_figure { STREAM_FIGURES(STREAM_FIGURE_ENUMERATOR) STREAM_FIGURE_COUNT };
#undef STREAM_FIGURE_ENUMERATOR

#define STREAM_PEER_FIGURE_ENUMERATOR(upper, lower, kind) STREAM_PEER_FIGURE_##upper,
enum stream_peer_figure {
	STREAM_PEER_FIGURES(STREAM_PEER_FIGURE_ENUMERATOR) STREAM_PEER_FIGURE_COUNT
};
#undef STREAM_PEER_FIGURE_ENUMERATOR

struct stream_figure_set {
	bool are_known; /* false: of something that carries no streams, or has not said */
	uint64_t of[STREAM_FIGURE_COUNT];
};

struct stream_peer_figure_set {
	bool are_known;
	uint64_t of[STREAM_PEER_FIGURE_COUNT];
};

/* "connections" */
const char *stream_figure_name(enum stream_figure figure);
enum figure_kind stream_figure_kind(enum stream_figure figure);
/* STREAM_FIGURE_COUNT: nothing is called so. */
enum stream_figure stream_figure_find(const char *name, size_t size);

const char *stream_peer_figure_name(enum stream_peer_figure figure);
enum stream_peer_figure stream_peer_figure_find(const char *name, size_t size);
