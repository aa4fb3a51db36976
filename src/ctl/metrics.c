#include "ctl/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/view_json.h"

enum { NUMBER_SIZE = 24 };

/* A list of them ends with one without name. A value of NULL is written as an empty text. */
struct label {
	const char *name, *value;
};

static void add(struct view_text *text, const char *word) {
	view_text_add(text, word, strlen(word));
}

/* In label values a backslash, a quote and a newline have a backslash before them. */
static void add_escaped(struct view_text *text, const char *value) {
	for (; *value; value++) {
		if (*value == '\n')
			add(text, "\\n");
		else if (*value == '\\' || *value == '"')
			view_text_add(text, (const char[]){'\\', *value}, 2);
		else
			view_text_add(text, value, 1);
	}
}

static void add_sample(struct view_text *text, const char *name, const struct label *labels,
					   uint64_t value) {
	char number[NUMBER_SIZE];
	(void)snprintf(number, sizeof number, " %" PRIu64 "\n", value);
	add(text, name);
	for (size_t i = 0; labels && labels[i].name; i++) {
		add(text, i == 0 ? "{" : ",");
		add(text, labels[i].name);
		add(text, "=\"");
		add_escaped(text, labels[i].value ? labels[i].value : "");
		add(text, "\"");
	}
	add(text, labels && labels[0].name ? "}" : "");
	add(text, number);
}

/* The daemon */

static void write_info(struct view_text *text, const char *name, const struct view_status *status) {
	const struct label labels[] = {{"version", status->version}, {"node", status->node}, {0}};
	add_sample(text, name, labels, 1);
}

static void write_start(struct view_text *text, const char *name,
						const struct view_status *status) {
	add_sample(text, name, NULL, status->started);
}

static void write_net_restarts(struct view_text *text, const char *name,
							   const struct view_status *status) {
	add_sample(text, name, NULL, status->net_restarts);
}

/* Names */

#define WRITE_DNS(what)                                                               \
	static void write_dns_##what(struct view_text *text, const char *name,            \
								 const struct view_status *status) {                  \
		for (enum view_upstream i = 0; i < VIEW_UPSTREAM_COUNT; i++) {                \
			const struct label labels[] = {{"upstream", view_upstream_name(i)}, {0}}; \
			add_sample(text, name, labels, status->dns_step.of[i].what);              \
		}                                                                             \
	}
WRITE_DNS(questions)
WRITE_DNS(answers)
WRITE_DNS(failed)

static void write_dns_refused(struct view_text *text, const char *name,
							  const struct view_status *status) {
	add_sample(text, name, NULL, status->dns_step.refused);
}

static void write_dns_strange(struct view_text *text, const char *name,
							  const struct view_status *status) {
	add_sample(text, name, NULL, status->dns_step.strange);
}

/* Tunnels */

static void write_tunnel_info(struct view_text *text, const char *name,
							  const struct view_status *status) {
	for (size_t i = 0; i < status->tunnel_count; i++) {
		const struct view_tunnel *tunnel = &status->tunnels[i];
		const struct label labels[] = {
			{"tunnel", tunnel->name},
			{"protocol", tunnel->protocol},
			{"aead", tunnel->data_path ? tunnel->data_path->aead : NULL},
			{0},
		};
		add_sample(text, name, labels, 1);
	}
}

static void write_tunnel_state(struct view_text *text, const char *name,
							   const struct view_status *status) {
	for (size_t i = 0; i < status->tunnel_count; i++)
		for (enum view_tunnel_state state = 0; state < VIEW_TUNNEL_STATE_COUNT; state++) {
			const struct label labels[] = {
				{"tunnel", status->tunnels[i].name}, {"state", view_tunnel_state_name(state)}, {0}};
			add_sample(text, name, labels, status->tunnels[i].state == state);
		}
}

static size_t peers_told(const struct view_tunnel *tunnel) {
	return tunnel->shown < METRICS_PEERS_MAX ? tunnel->shown : METRICS_PEERS_MAX;
}

static void add_of_tunnel(struct view_text *text, const char *name,
						  const struct view_tunnel *tunnel, uint64_t value) {
	const struct label labels[] = {{"tunnel", tunnel->name}, {0}};
	add_sample(text, name, labels, value);
}

#define WRITE_TUNNEL(what, value)                                             \
	static void write_tunnel_##what(struct view_text *text, const char *name, \
									const struct view_status *status) {       \
		for (size_t i = 0; i < status->tunnel_count; i++) {                   \
			const struct view_tunnel *tunnel = &status->tunnels[i];           \
			add_of_tunnel(text, name, tunnel, value);                         \
		}                                                                     \
	}
WRITE_TUNNEL(peers, tunnel->peer_count)
WRITE_TUNNEL(connected, tunnel->connected_count)
WRITE_TUNNEL(received, tunnel->received)
WRITE_TUNNEL(sent, tunnel->sent)
WRITE_TUNNEL(is_connected, tunnel->condition &&strcmp(tunnel->condition, "connected") == 0)
WRITE_TUNNEL(omitted, tunnel->peer_count - peers_told(tunnel))

/* Peers: a key may be in the file and, unused, in the store. */

static void add_of_peer(struct view_text *text, const char *name, const struct view_tunnel *tunnel,
						const struct view_peer *peer, uint64_t value) {
	char key[TEXT_KEY_BASE64_SIZE];
	text_key_encode(peer->public_key, key);
	const struct label labels[] = {
		{"tunnel", tunnel->name},
		{"peer", peer->name},
		{"public_key", key},
		{"origin", peer->origin},
		{0},
	};
	add_sample(text, name, labels, value);
}

#define WRITE_PEER(what, condition, value)                                  \
	static void write_peer_##what(struct view_text *text, const char *name, \
								  const struct view_status *status) {       \
		for (size_t i = 0; i < status->tunnel_count; i++) {                 \
			const struct view_tunnel *tunnel = &status->tunnels[i];         \
			for (size_t j = 0; j < peers_told(tunnel); j++) {               \
				const struct view_peer *peer = &tunnel->peers[j];           \
				if (condition)                                              \
					add_of_peer(text, name, tunnel, peer, value);           \
			}                                                               \
		}                                                                   \
	}
WRITE_PEER(connected, true, peer->state == VIEW_PEER_CONNECTED)
WRITE_PEER(received, true, peer->received)
WRITE_PEER(sent, true, peer->sent)
WRITE_PEER(path_mtu, peer->path_mtu > 0, peer->path_mtu)
#define PEER_STREAM(figure) (peer->streams.of[STREAM_PEER_FIGURE_##figure])
WRITE_PEER(connections, peer->streams.are_known, PEER_STREAM(CONNECTIONS))
WRITE_PEER(streams, peer->streams.are_known, PEER_STREAM(STREAMS))
WRITE_PEER(held, peer->streams.are_known, PEER_STREAM(HELD))
WRITE_PEER(window_send, PEER_STREAM(CONNECTIONS) > 0, PEER_STREAM(WINDOW_SEND))
WRITE_PEER(window_receive, PEER_STREAM(CONNECTIONS) > 0, PEER_STREAM(WINDOW_RECEIVE))
WRITE_PEER(round_trip, PEER_STREAM(ROUND_TRIP) > 0, PEER_STREAM(ROUND_TRIP))
WRITE_PEER(handshake, peer->latest_handshake > 0, peer->latest_handshake)

/* The data path */

/* One sample a shard, or with rows of a second label several. */
static void add_of_shards(struct view_text *text, const char *name,
						  const struct view_status *status, const char *label, const char *value,
						  enum figure figure) {
	for (size_t i = 0; i < status->tunnel_count; i++) {
		const struct view_data_path *path = status->tunnels[i].data_path;
		for (size_t shard = 0; path && shard < path->shard_count; shard++) {
			char number[NUMBER_SIZE];
			(void)snprintf(number, sizeof number, "%zu", shard);
			const struct label labels[] = {
				{"tunnel", status->tunnels[i].name}, {"shard", number}, {label, value}, {0}};
			add_sample(text, name, labels, path->shards[shard].of[figure]);
		}
	}
}

static void write_kill_switch(struct view_text *text, const char *name,
							  const struct view_status *status) {
	for (size_t i = 0; i < status->tunnel_count; i++)
		add_of_tunnel(text, name, &status->tunnels[i],
					  status->tunnels[i].kill_switch != VIEW_KILL_SWITCH_OFF);
}

static void write_kill_switch_restored(struct view_text *text, const char *name,
									   const struct view_status *status) {
	for (size_t i = 0; i < status->tunnel_count; i++)
		add_of_tunnel(text, name, &status->tunnels[i], status->tunnels[i].kill_switch_restored);
}

static void write_logins(struct view_text *text, const char *name,
						 const struct view_status *status) {
	static const char *const results[VIEW_LOGIN_COUNT] = {
		[VIEW_LOGIN_ACCEPTED] = "accepted", [VIEW_LOGIN_CREDENTIALS] = "credentials",
		[VIEW_LOGIN_BUSY] = "busy",         [VIEW_LOGIN_EXPIRED] = "expired",
		[VIEW_LOGIN_QUOTA] = "quota",       [VIEW_LOGIN_DEVICES] = "devices",
		[VIEW_LOGIN_ADDRESS] = "address",
	};
	for (size_t i = 0; i < status->tunnel_count; i++) {
		const struct view_tunnel *tunnel = &status->tunnels[i];
		for (size_t result = 0; tunnel->logins.are_known && result < VIEW_LOGIN_COUNT; result++) {
			const struct label labels[] = {
				{"tunnel", tunnel->name}, {"result", results[result]}, {0}};
			add_sample(text, name, labels, tunnel->logins.of[result]);
		}
	}
}

static void write_logins_waiting(struct view_text *text, const char *name,
								 const struct view_status *status) {
	for (size_t i = 0; i < status->tunnel_count; i++)
		if (status->tunnels[i].logins.are_known)
			add_of_tunnel(text, name, &status->tunnels[i], status->tunnels[i].logins.waiting);
}

static void write_offloads(struct view_text *text, const char *name,
						   const struct view_status *status) {
	for (const struct figure_offload *row = figure_offloads; row->name; row++)
		add_of_shards(text, name, status, "offload", row->name, row->figure);
}

static void write_drops(struct view_text *text, const char *name,
						const struct view_status *status) {
	for (const struct figure_drop *row = figure_drops; row->name; row++)
		add_of_shards(text, name, status, "reason", row->name, row->figure);
}

static void write_tun_queue_drops(struct view_text *text, const char *name,
								  const struct view_status *status) {
	for (size_t i = 0; i < status->tunnel_count; i++) {
		const struct view_data_path *path = status->tunnels[i].data_path;
		if (path && path->has_tun_queue_drops)
			add_of_tunnel(text, name, &status->tunnels[i], path->tun_queue_drops);
	}
}

/* Figures without a help here are labels of the drops or the offloads. */
static const char *const figure_help[FIGURE_COUNT] = {
	[FIGURE_TURNS] = "Turns of the shard's loop.",
	[FIGURE_TUN_READS] = "Reads of the TUN queue that got something.",
	[FIGURE_TUN_READ_PACKETS] =
		"Packets for peers of this shard that came in reads; a large packet counts its segments.",
	[FIGURE_TUN_WRITES] = "Writes to the TUN queue.",
	[FIGURE_TUN_WRITTEN_PACKETS] = "Packets in those writes; joined ones count each.",
	[FIGURE_UDP_SEND_CALLS] = "Send calls on UDP sockets.",
	[FIGURE_UDP_SENT_MESSAGES] = "Messages in those calls; one may be many datagrams.",
	[FIGURE_UDP_SENT_DATAGRAMS] = "Datagrams sent.",
	[FIGURE_UDP_SENT_BYTES] = "Bytes of datagrams sent, without UDP and IP headers.",
	[FIGURE_UDP_SEND_ERRORS] = "Messages that a UDP socket did not take.",
	[FIGURE_UDP_RECEIVE_CALLS] = "Receive calls on UDP sockets that got something.",
	[FIGURE_UDP_RECEIVED_MESSAGES] = "Messages in those calls; one may be many datagrams.",
	[FIGURE_UDP_RECEIVED_DATAGRAMS] = "Datagrams received.",
	[FIGURE_UDP_RECEIVED_BYTES] = "Bytes of datagrams received, without UDP and IP headers.",
	[FIGURE_SEALED_BATCHES] = "Batches given to the cipher to seal.",
	[FIGURE_SEALED_PACKETS] = "Packets in those batches.",
	[FIGURE_OPENED_BATCHES] = "Batches given to the cipher to open.",
	[FIGURE_OPENED_PACKETS] = "Packets in those batches.",
	[FIGURE_HANDSHAKES] = "Handshake messages that found a place in the queue.",
	[FIGURE_PEERS] = "Peers that the shard owns.",
	[FIGURE_TCP_CONNECTIONS] = "TCP connections that carry packets of its peers.",
	[FIGURE_UNDER_LOAD] = "1 while so many handshakes wait that initiators must prove an address.",
};

#define SUFFIX_COUNTER "_total"
#define SUFFIX_GAUGE ""
#define SUFFIX_FLAG ""
#define FIGURE_FAMILY(upper, lower, kind) "umbra_shard_" #lower SUFFIX_##kind,
static const char *const figure_families[FIGURE_COUNT] = {FIGURES(FIGURE_FAMILY)};

static const char *const stream_help[STREAM_FIGURE_COUNT] = {
	[STREAM_FIGURE_CONNECTIONS] = "Connections between both ends that carry streams.",
	[STREAM_FIGURE_STREAMS] = "Streams on all of them.",
	[STREAM_FIGURE_RELAYS] = "TCP connections that streams lead to, or come of.",
	[STREAM_FIGURE_SESSIONS] = "Targets, or senders, of datagrams that have a stream.",
	[STREAM_FIGURE_ACCEPTED] = "Connections that came to the tunnel's listeners.",
	[STREAM_FIGURE_DECLINED] =
		"Of these, one too many: of its address, in all, too fast, or later.",
	[STREAM_FIGURE_ADMITTED] = "Connections that came to carry streams.",
	[STREAM_FIGURE_DECOYED] = "Connections that the site was shown to.",
	[STREAM_FIGURE_OPENED] = "Streams that reached their target.",
	[STREAM_FIGURE_REFUSED] = "Streams that the policy or a limit refused.",
	[STREAM_FIGURE_FAILED] = "Streams whose target could not be reached.",
	[STREAM_FIGURE_QUESTIONS] = "Names of targets that were asked for.",
	[STREAM_FIGURE_DATAGRAMS_DROPPED] = "Datagrams that their stream had no room for.",
	[STREAM_FIGURE_PACKETS_DROPPED] = "Packets that their stream had no room for.",
};

#define STREAM_FAMILY(upper, lower, kind) "umbra_streams_" #lower SUFFIX_##kind,
static const char *const stream_families[STREAM_FIGURE_COUNT] = {STREAM_FIGURES(STREAM_FAMILY)};

static const struct row {
	struct metrics_family family;
	void (*write)(struct view_text *text, const char *name, const struct view_status *status);
} rows[] = {
	{{"umbra_info", "gauge", "1; the daemon's version and the node's name."}, write_info},
	{{"umbra_process_start_time_seconds", "gauge",
	  "When the process that answers was started, in seconds since 1970."},
	 write_start},
	{{"umbra_net_restarts_total", "counter",
	  "How often the process that moves packets was started again."},
	 write_net_restarts},
	{{"umbra_dns_questions_total", "counter",
	  "Questions of this host's programs for names that node.dns_step took."},
	 write_dns_questions},
	{{"umbra_dns_answers_total", "counter", "Answers that it gave, of a server or of its own."},
	 write_dns_answers},
	{{"umbra_dns_failures_total", "counter",
	  "Answers that were a failure, as no server had one or its addresses could not be led."},
	 write_dns_failed},
	{{"umbra_dns_refused_total", "counter",
	  "Questions that it did not take: malformed, with nobody to ask, or too many."},
	 write_dns_refused},
	{{"umbra_dns_strange_total", "counter",
	  "Messages of name servers that answer nothing that was asked."},
	 write_dns_strange},
	{{"umbra_tunnel_info", "gauge", "1; the tunnel's protocol and the back end of its cipher."},
	 write_tunnel_info},
	{{"umbra_tunnel_state", "gauge", "1 for the state that the tunnel is in, 0 for the others."},
	 write_tunnel_state},
	{{"umbra_tunnel_peers", "gauge", "Peers of the tunnel."}, write_tunnel_peers},
	{{"umbra_tunnel_connected", "gauge", "1 while the tunnel is connected, as umbra status says."},
	 write_tunnel_is_connected},
	{{"umbra_tunnel_peers_connected", "gauge",
	  "Peers seen within the last three minutes; of streams, those with a connection."},
	 write_tunnel_connected},
	{{"umbra_tunnel_received_bytes_total", "counter", "Bytes received, over all present peers."},
	 write_tunnel_received},
	{{"umbra_tunnel_sent_bytes_total", "counter", "Bytes sent, over all present peers."},
	 write_tunnel_sent},
	{{"umbra_kill_switch", "gauge", "1 while nothing leaves this host past the tunnel."},
	 write_kill_switch},
	{{"umbra_kill_switch_restored_total", "counter",
	  "How often other programs took the kill switch's rules away, and they came back."},
	 write_kill_switch_restored},
	{{"umbra_logins_total", "counter", "Logins, by what they ended with."}, write_logins},
	{{"umbra_logins_waiting", "gauge", "Logins that are being judged, or wait for that."},
	 write_logins_waiting},
	{{"umbra_peers_omitted", "gauge", "Peers that have no series of their own here."},
	 write_tunnel_omitted},
	{{"umbra_peer_connected", "gauge",
	  "1 when the peer was seen within the last three minutes; of streams, while it has a "
	  "connection."},
	 write_peer_connected},
	{{"umbra_peer_received_bytes_total", "counter", "Bytes received from the peer."},
	 write_peer_received},
	{{"umbra_peer_sent_bytes_total", "counter", "Bytes sent to the peer."}, write_peer_sent},
	{{"umbra_peer_last_handshake_seconds", "gauge",
	  "When keys were last agreed on, in seconds since 1970; absent when never."},
	 write_peer_handshake},
	{{"umbra_peer_path_mtu_bytes", "gauge",
	  "Largest packet inside that the way to the peer carries; absent when no limit was found."},
	 write_peer_path_mtu},
	{{"umbra_peer_connections", "gauge", "Connections to the peer that carry streams."},
	 write_peer_connections},
	{{"umbra_peer_streams", "gauge", "Streams of the peer, on all of its connections."},
	 write_peer_streams},
	{{"umbra_peer_held_bytes", "gauge",
	  "Bytes that came of the peer's streams and wait for whoever they lead to."},
	 write_peer_held},
	{{"umbra_peer_round_trip_microseconds", "gauge",
	  "The shortest round trip to the peer of late, inside the tunnel; absent before it is known."},
	 write_peer_round_trip},
	{{"umbra_peer_window_send_bytes", "gauge",
	  "Bytes that the peer's windows let us send now, of all connections; absent without one."},
	 write_peer_window_send},
	{{"umbra_peer_window_receive_bytes", "gauge",
	  "Bytes that the peer may have under way to us, of all connections; absent without one."},
	 write_peer_window_receive},
	{{"umbra_offload", "gauge", "1 while the shard uses this help of the kernel."}, write_offloads},
	{{"umbra_dropped_total", "counter", "What the shard or its sockets lost, by reason."},
	 write_drops},
	{{"umbra_tun_queue_dropped_total", "counter",
	  "Packets that the kernel dropped as the interface's queue was full."},
	 write_tun_queue_drops},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

/* False: the figure has no family of its own. */
static bool family_of(enum figure figure, struct metrics_family *out_family) {
	if (!figure_help[figure])
		return false;
	*out_family = (struct metrics_family){
		.name = figure_families[figure],
		.type = figure_kind(figure) == FIGURE_COUNTER ? "counter" : "gauge",
		.help = figure_help[figure],
	};
	return true;
}

static struct metrics_family stream_family_of(enum stream_figure figure) {
	return (struct metrics_family){
		.name = stream_families[figure],
		.type = stream_figure_kind(figure) == FIGURE_COUNTER ? "counter" : "gauge",
		.help = stream_help[figure],
	};
}

void metrics_each(void (*visit)(void *context, const struct metrics_family *family),
				  void *context) {
	struct metrics_family family;
	for (size_t i = 0; i < ROW_COUNT; i++)
		visit(context, &rows[i].family);
	for (enum figure i = 0; i < FIGURE_COUNT; i++)
		if (family_of(i, &family))
			visit(context, &family);
	for (enum stream_figure i = 0; i < STREAM_FIGURE_COUNT; i++) {
		family = stream_family_of(i);
		visit(context, &family);
	}
}

static void add_of_streams(struct view_text *text, const char *name,
						   const struct view_status *status, enum stream_figure figure) {
	for (size_t i = 0; i < status->tunnel_count; i++) {
		const struct view_tunnel *tunnel = &status->tunnels[i];
		if (tunnel->streams.are_known)
			add_of_tunnel(text, name, tunnel, tunnel->streams.of[figure]);
	}
}

static void begin(struct view_text *text, const struct metrics_family *family) {
	const char *const words[] = {"# HELP ",    family->name, " ",
								 family->help, "\n# TYPE ",  family->name,
								 " ",          family->type, "\n"};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		add(text, words[i]);
}

enum err metrics_encode(const struct view_status *status, char **out_text, size_t *out_size) {
	struct view_text text = {0};
	struct metrics_family family;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		begin(&text, &rows[i].family);
		rows[i].write(&text, rows[i].family.name, status);
	}
	for (enum figure i = 0; i < FIGURE_COUNT; i++)
		if (family_of(i, &family)) {
			begin(&text, &family);
			add_of_shards(&text, family.name, status, NULL, NULL, i);
		}
	for (enum stream_figure i = 0; i < STREAM_FIGURE_COUNT; i++) {
		family = stream_family_of(i);
		begin(&text, &family);
		add_of_streams(&text, family.name, status, i);
	}
	return view_text_take(&text, out_text, out_size);
}
