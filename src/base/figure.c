#include "base/figure.h"

#include <string.h>

#define FIGURE_ROW(upper, lower, kind) {#lower, sizeof #lower - 1, FIGURE_##kind},
static const struct {
	const char *name;
	size_t size;
	enum figure_kind kind;
} rows[FIGURE_COUNT] = {FIGURES(FIGURE_ROW)};

const struct figure_drop figure_drops[] = {
	{"socket", FIGURE_UDP_KERNEL_DROPS},
	{"truncated", FIGURE_UDP_TRUNCATED},
	{"send", FIGURE_UNSENT},
	{"tcp", FIGURE_TCP_DROPPED},
	{"tun_write", FIGURE_TUN_WRITE_ERRORS},
	{"no_route", FIGURE_NO_ROUTE},
	{"malformed", FIGURE_MALFORMED},
	{"wrong_source", FIGURE_WRONG_SOURCE},
	{"denied", FIGURE_DENIED},
	{"replayed", FIGURE_REPLAYED},
	{"forged", FIGURE_FORGED},
	{"over_share", FIGURE_OVER_SHARE},
	{"control", FIGURE_CONTROL_DROPPED},
	{"staged", FIGURE_STAGED_DROPPED},
	{"handoff", FIGURE_HANDOFF_DROPPED},
	{"handshake", FIGURE_HANDSHAKES_DROPPED},
	{NULL, 0},
};

const struct figure_batch figure_batches[] = {
	{"tun_read", FIGURE_TUN_READS, FIGURE_TUN_READ_PACKETS},
	{"tun_write", FIGURE_TUN_WRITES, FIGURE_TUN_WRITTEN_PACKETS},
	{"udp_send", FIGURE_UDP_SEND_CALLS, FIGURE_UDP_SENT_DATAGRAMS},
	{"udp_receive", FIGURE_UDP_RECEIVE_CALLS, FIGURE_UDP_RECEIVED_DATAGRAMS},
	{"seal", FIGURE_SEALED_BATCHES, FIGURE_SEALED_PACKETS},
	{"open", FIGURE_OPENED_BATCHES, FIGURE_OPENED_PACKETS},
	{NULL, 0, 0},
};

const struct figure_offload figure_offloads[] = {
	{"udp_segmentation", FIGURE_UDP_SEGMENTATION},
	{"udp_coalescing", FIGURE_UDP_COALESCING},
	{"tun_header", FIGURE_TUN_HEADER},
	{"tun_tcp", FIGURE_TUN_TCP},
	{"tun_udp", FIGURE_TUN_UDP},
	{NULL, 0},
};

const char *figure_name(enum figure figure) {
	return rows[figure].name;
}

enum figure_kind figure_kind(enum figure figure) {
	return rows[figure].kind;
}

enum figure figure_find(const char *name, size_t size) {
	enum figure figure = 0;
	while (figure < FIGURE_COUNT &&
		   (rows[figure].size != size || memcmp(rows[figure].name, name, size) != 0))
		figure++;
	return figure;
}

void figure_add(struct figure_set *sum, const struct figure_set *more) {
	for (size_t i = 0; i < FIGURE_COUNT; i++)
		sum->of[i] += more->of[i];
}
