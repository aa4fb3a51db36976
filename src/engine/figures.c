#include "engine/figures.h"

#include <stdio.h>

#include "base/counter.h"
#include "engine/engine.h"
#include "engine/handshake_queue.h"
#include "engine/interface.h"
#include "engine/port.h"
#include "engine/shard.h"
#include "wire/uapi.h"

static void add_udp(const struct udp_counters *counters, struct figure_set *figures) {
	uint64_t *of = figures->of;
	of[FIGURE_UDP_SEND_CALLS] += counter_read(&counters->send_calls);
	of[FIGURE_UDP_SENT_MESSAGES] += counter_read(&counters->sent_messages);
	of[FIGURE_UDP_SENT_DATAGRAMS] += counter_read(&counters->sent_datagrams);
	of[FIGURE_UDP_SENT_BYTES] += counter_read(&counters->sent_bytes);
	of[FIGURE_UDP_SEND_ERRORS] += counter_read(&counters->send_errors);
	of[FIGURE_UDP_RECEIVE_CALLS] += counter_read(&counters->receive_calls);
	of[FIGURE_UDP_RECEIVED_MESSAGES] += counter_read(&counters->received_messages);
	of[FIGURE_UDP_RECEIVED_DATAGRAMS] += counter_read(&counters->received_datagrams);
	of[FIGURE_UDP_RECEIVED_BYTES] += counter_read(&counters->received_bytes);
	of[FIGURE_UDP_TRUNCATED] += counter_read(&counters->truncated);
	of[FIGURE_UDP_KERNEL_DROPS] += counter_read(&counters->kernel_drops);
}

static bool is_set(const _Atomic bool *flag) {
	return atomic_load_explicit(flag, memory_order_relaxed);
}

/* An offload is in use when all sockets that there are have it. */
static void read_udp(const struct listener *listener, struct figure_set *figures) {
	const struct udp_counters *const families[] = {&listener->v4_counters, &listener->v6_counters};
	bool open = false, segments = true, coalesces = true;
	for (size_t i = 0; i < 2; i++) {
		const struct udp_counters *counters = families[i];
		add_udp(counters, figures);
		if (!is_set(&counters->open))
			continue;
		open = true;
		segments = segments && is_set(&counters->segments);
		coalesces = coalesces && is_set(&counters->coalesces);
	}
	figures->of[FIGURE_UDP_SEGMENTATION] = open && segments;
	figures->of[FIGURE_UDP_COALESCING] = open && coalesces;
}

static void read_lane(const struct lane *lane, struct figure_set *figures) {
	const struct lane_counters *counters = &lane->counters;
	uint64_t *of = figures->of;
	of[FIGURE_TUN_READS] = counter_read(&counters->tun_read_calls);
	of[FIGURE_TUN_READ_PACKETS] = counter_read(&counters->tun_read_packets);
	of[FIGURE_TUN_WRITES] = counter_read(&counters->tun_written_calls);
	of[FIGURE_TUN_WRITTEN_PACKETS] = counter_read(&counters->tun_written_packets);
	of[FIGURE_TUN_WRITE_ERRORS] = counter_read(&counters->tun_errors);
	of[FIGURE_OPENED_BATCHES] = counter_read(&counters->opened_batches);
	of[FIGURE_OPENED_PACKETS] = counter_read(&counters->opened_packets);
	of[FIGURE_NO_ROUTE] = counter_read(&counters->no_route);
	of[FIGURE_MALFORMED] = counter_read(&counters->malformed);
	of[FIGURE_WRONG_SOURCE] = counter_read(&counters->wrong_source);
	of[FIGURE_DENIED] = counter_read(&counters->denied);
	of[FIGURE_REPLAYED] = counter_read(&counters->replayed);
	of[FIGURE_FORGED] = counter_read(&counters->forged);
	of[FIGURE_OVER_SHARE] = counter_read(&counters->over_share);
	of[FIGURE_CONTROL_DROPPED] = counter_read(&counters->control_dropped);
	of[FIGURE_STAGED_DROPPED] = counter_read(&counters->staged_dropped);
	of[FIGURE_HANDOFF_DROPPED] = counter_read(&counters->handoff_dropped);
	of[FIGURE_HANDSHAKES] = counter_read(&counters->handshakes);
	of[FIGURE_HANDSHAKES_DROPPED] = counter_read(&counters->handshakes_dropped);
	of[FIGURE_TCP_DROPPED] = counter_read(&counters->stream_dropped);
	of[FIGURE_TCP_CONNECTIONS] = counter_read(&counters->streams);
	of[FIGURE_PEERS] = counter_read(&counters->peers);
	const struct coalesce_options joined = coalescer_options(lane->coalescer);
	of[FIGURE_TUN_HEADER] = lane->tun.has_header;
	of[FIGURE_TUN_TCP] = joined.tcp;
	of[FIGURE_TUN_UDP] = joined.udp;
}

void figures_read(const struct interface *interface, uint16_t shard, uint64_t now,
				  struct figure_set *out_figures) {
	const struct listener *listener = &interface->port->listeners[shard];
	const struct lane *lane = &interface->lanes[shard];
	const struct shard *owner = engine_shard(interface->engine, shard);
	struct figure_set figures = {.of = {0}};
	read_lane(lane, &figures);
	read_udp(listener, &figures);
	figures.of[FIGURE_TURNS] = counter_read(&owner->turns);
	figures.of[FIGURE_SEALED_BATCHES] = counter_read(&listener->outbox.sealed_batches);
	figures.of[FIGURE_SEALED_PACKETS] = counter_read(&listener->outbox.sealed_packets);
	figures.of[FIGURE_UNSENT] = counter_read(&listener->outbox.dropped);
	figures.of[FIGURE_UNDER_LOAD] = now < handshake_queue_loaded_until(lane->handshakes);
	*out_figures = figures;
}

void figures_put(const struct interface *interface, struct uapi_text *out_text) {
	const struct engine_options *options = engine_get_options(interface->engine);
	uint64_t now = options->clock->now(options->clock->context);
	char line[64];
	(void)snprintf(line, sizeof line, "aead=%s", aead_backend_name(options->backend));
	uapi_put_line(out_text, line);
	for (uint16_t shard = 0; shard < interface->shards; shard++) {
		struct figure_set figures;
		figures_read(interface, shard, now, &figures);
		uapi_put_number(out_text, "shard", shard);
		for (enum figure i = 0; i < FIGURE_COUNT; i++)
			if (figures.of[i] > 0)
				uapi_put_number(out_text, figure_name(i), figures.of[i]);
	}
}
