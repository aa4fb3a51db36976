#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The figures of a data path, for each of its shards: what the engine counts, and all that carry,
 * show or export it name alike. New ones are rows here; doc/metrics.md says what each one means.
 */

enum figure_kind {
	FIGURE_COUNTER, /* only grows, from 0 at the start */
	FIGURE_GAUGE,
	FIGURE_FLAG, /* 0 or 1 */
};

#define FIGURES(ROW)                                                      \
	ROW(TURNS, turns, COUNTER)                                            \
	ROW(TUN_READS, tun_reads, COUNTER)                                    \
	ROW(TUN_READ_PACKETS, tun_read_packets, COUNTER)                      \
	ROW(TUN_WRITES, tun_writes, COUNTER)                                  \
	ROW(TUN_WRITTEN_PACKETS, tun_written_packets, COUNTER)                \
	ROW(TUN_WRITE_ERRORS, tun_write_errors, COUNTER)                      \
	ROW(UDP_SEND_CALLS, udp_send_calls, COUNTER)                          \
	ROW(UDP_SENT_MESSAGES, udp_sent_messages, COUNTER)                    \
	ROW(UDP_SENT_DATAGRAMS, udp_sent_datagrams, COUNTER)                  \
	ROW(UDP_SENT_BYTES, udp_sent_bytes, COUNTER)                          \
	ROW(UDP_SEND_ERRORS, udp_send_errors, COUNTER)                        \
	ROW(UDP_RECEIVE_CALLS, udp_receive_calls, COUNTER)                    \
	ROW(UDP_RECEIVED_MESSAGES, udp_received_messages, COUNTER)            \
	ROW(UDP_RECEIVED_DATAGRAMS, udp_received_datagrams, COUNTER)          \
	ROW(UDP_RECEIVED_BYTES, udp_received_bytes, COUNTER)                  \
	ROW(UDP_TRUNCATED, udp_truncated, COUNTER)                            \
	ROW(UDP_KERNEL_DROPS, udp_kernel_drops, COUNTER) /* SO_RXQ_OVFL */    \
	ROW(SEALED_BATCHES, sealed_batches, COUNTER)                          \
	ROW(SEALED_PACKETS, sealed_packets, COUNTER)                          \
	ROW(OPENED_BATCHES, opened_batches, COUNTER)                          \
	ROW(OPENED_PACKETS, opened_packets, COUNTER)                          \
	ROW(NO_ROUTE, no_route, COUNTER)                                      \
	ROW(MALFORMED, malformed, COUNTER)                                    \
	ROW(WRONG_SOURCE, wrong_source, COUNTER)                              \
	ROW(DENIED, denied, COUNTER)                                          \
	ROW(REPLAYED, replayed, COUNTER)                                      \
	ROW(FORGED, forged, COUNTER)                                          \
	ROW(OVER_SHARE, over_share, COUNTER)                                  \
	ROW(CONTROL_DROPPED, control_dropped, COUNTER)                        \
	ROW(STAGED_DROPPED, staged_dropped, COUNTER)                          \
	ROW(HANDOFF_DROPPED, handoff_dropped, COUNTER)                        \
	ROW(UNSENT, unsent, COUNTER)                                          \
	ROW(TCP_DROPPED, tcp_dropped, COUNTER)                                \
	ROW(HANDSHAKES, handshakes, COUNTER)                                  \
	ROW(HANDSHAKES_DROPPED, handshakes_dropped, COUNTER)                  \
	ROW(PEERS, peers, GAUGE)                                              \
	ROW(TCP_CONNECTIONS, tcp_connections, GAUGE)                          \
	ROW(UNDER_LOAD, under_load, FLAG)                                     \
	ROW(UDP_SEGMENTATION, udp_segmentation, FLAG) /* UDP_SEGMENT (GSO) */ \
	ROW(UDP_COALESCING, udp_coalescing, FLAG)     /* UDP_GRO */           \
	ROW(TUN_HEADER, tun_header, FLAG)             /* IFF_VNET_HDR */      \
	ROW(TUN_TCP, tun_tcp, FLAG)                   /* TSO */               \
	ROW(TUN_UDP, tun_udp, FLAG)                   /* USO */

#define FIGURE_ENUMERATOR(upper, lower, kind) FIGURE_##upper,
enum figure { FIGURES(FIGURE_ENUMERATOR) FIGURE_COUNT };
#undef FIGURE_ENUMERATOR

enum { FIGURE_SHARDS_MAX = 16 };

/* All of one shard, or sums over several (of flags: how many have it). */
struct figure_set {
	uint64_t of[FIGURE_COUNT];
};

/* "tun_reads" */
const char *figure_name(enum figure figure);
enum figure_kind figure_kind(enum figure figure);
/* FIGURE_COUNT: nothing is called so. */
enum figure figure_find(const char *name, size_t size);
void figure_add(struct figure_set *sum, const struct figure_set *more);

/* What was lost, and by which figure it was counted. */
struct figure_drop {
	const char *name; /* "socket", "no_route" */
	enum figure figure;
};
/* Ends with a row without name. Not here: what the kernel dropped in front of the TUN queue. */
extern const struct figure_drop figure_drops[];

/* Calls and what they moved: the average batch is packets / calls. */
struct figure_batch {
	const char *name; /* "tun_read", "udp_send" */
	enum figure calls, packets;
};
extern const struct figure_batch figure_batches[]; /* ends without name */

/* Help of the kernel that is in use, by flags. */
struct figure_offload {
	const char *name; /* "udp_segmentation" */
	enum figure figure;
};
extern const struct figure_offload figure_offloads[]; /* ends without name */
