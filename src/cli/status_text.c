#include "cli/status_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/quantity.h"
#include "cli/status_data_path.h"
#include "cli/status_streams.h"
#include "cli/text_buffer.h"
#include "ctl/view.h"

enum { RULE_LINE_MAX = 1024 };

enum { LABEL_WIDTH = STATUS_LABEL_WIDTH, TUNNEL_INDENT = 2, PEER_INDENT = 2 };

/* ECMA-48 section 8.3.117 */
#define BOLD "1"
#define RED "31"
#define GREEN "32"
#define YELLOW "33"
#define FAINT "2"

static void add_coloured(struct text_buffer *text, const struct status_style *style,
						 const char *colour, const char *word) {
	if (style->colours)
		text_buffer_add(text, "\x1b[%sm", colour);
	text_buffer_add_clean(text, word);
	if (style->colours)
		text_buffer_add(text, "\x1b[0m");
}

static void add_label(struct text_buffer *text, int indent, const char *label) {
	text_buffer_add(text, "%*s%-*s", indent, "", LABEL_WIDTH, label);
}

static void add_prefixes(struct text_buffer *text, const struct prefix *prefixes, size_t count) {
	char word[ADDRESS_TEXT_SIZE];
	if (count == 0)
		text_buffer_add(text, "none");
	for (size_t i = 0; i < count; i++) {
		prefix_format(&prefixes[i], word);
		text_buffer_add(text, "%s%s", i > 0 ? ", " : "", word);
	}
}

static void add_key(struct text_buffer *text, const uint8_t key[static TEXT_KEY_SIZE]) {
	char word[TEXT_KEY_BASE64_SIZE];
	text_key_encode(key, word);
	text_buffer_add(text, "%s", word);
}

static void add_transfer(struct text_buffer *text, uint64_t received, uint64_t sent) {
	char in[QUANTITY_SIZE], out[QUANTITY_SIZE];
	quantity_bytes(received, in);
	quantity_bytes(sent, out);
	text_buffer_add(text, "%s received, %s sent\n", in, out);
}

static const char *tunnel_colour(enum view_tunnel_state state) {
	switch (state) {
	case VIEW_UP:
		return GREEN;
	case VIEW_STARTING:
		return YELLOW;
	case VIEW_FAILED:
		return RED;
	case VIEW_DOWN:
	case VIEW_TUNNEL_STATE_COUNT:
		break;
	}
	return FAINT;
}

static const char *peer_colour(enum view_peer_state state) {
	switch (state) {
	case VIEW_PEER_CONNECTED:
		return GREEN;
	case VIEW_PEER_RESOLVING:
	case VIEW_PEER_CONNECTING:
		return YELLOW;
	case VIEW_PEER_IDLE:
	case VIEW_PEER_QUIET:
	case VIEW_PEER_STATE_COUNT:
		break;
	}
	return FAINT;
}

static void add_endpoint(struct text_buffer *text, const struct view_peer *peer) {
	char word[ENDPOINT_TEXT_SIZE] = "";
	if (peer->endpoint.address.family != ADDRESS_NONE)
		endpoint_format(&peer->endpoint, word);
	if (!peer->endpoint_name) {
		text_buffer_add(text, "%s", *word ? word : "none");
		return;
	}
	text_buffer_add_clean(text, peer->endpoint_name);
	if (*word && strcmp(word, peer->endpoint_name) != 0)
		text_buffer_add(text, " (%s)", word);
}

/* All of them, or only how many there are where many peers are shown. */
static void add_rules(struct text_buffer *text, const char *rules, int indent,
					  const struct status_style *style) {
	size_t count = 0;
	for (const char *rule = rules; rule && *rule; count++) {
		char line[RULE_LINE_MAX];
		size_t size = strcspn(rule, "\n");
		if (style->verbose) {
			(void)snprintf(line, sizeof line, "%.*s", (int)size, rule);
			add_label(text, indent, count == 0 ? "rules" : "");
			text_buffer_add_clean(text, line);
			text_buffer_add(text, "\n");
		}
		rule += size + (rule[size] != '\0');
	}
	if (count == 0 || style->verbose)
		return;
	add_label(text, indent, "rules");
	text_buffer_add(text, "%zu\n", count);
}

/* Nothing is told of ways that nobody measures: the one in use is the endpoint. */
static bool are_measured(const struct view_peer *peer) {
	bool measured = peer->state != VIEW_PEER_CONNECTED;
	for (size_t i = 0; i < peer->path_count; i++)
		measured |= peer->paths[i].round_trip > 0;
	return measured;
}

static void add_paths(struct text_buffer *text, const struct view_peer *peer, int indent) {
	if (!are_measured(peer))
		return;
	for (size_t i = 0; i < peer->path_count; i++) {
		char word[ENDPOINT_TEXT_SIZE];
		const uint32_t us = peer->paths[i].round_trip;
		endpoint_format(&peer->paths[i].endpoint, word);
		add_label(text, indent, i == 0 ? "paths" : "");
		if (us > 0)
			text_buffer_add(text, "%s, %" PRIu32 ".%" PRIu32 " ms\n", word, us / 1000,
							us % 1000 / 100);
		else
			text_buffer_add(text, "%s, no answer yet\n", word);
	}
}

void status_text_peer(struct text_buffer *text, const struct view_peer *peer, int indent,
					  const struct status_style *style) {
	char word[QUANTITY_SIZE];
	text_buffer_add(text, "%*speer ", indent, "");
	add_coloured(text, style, BOLD, peer->name);
	text_buffer_add(text, " (");
	text_buffer_add_clean(text, peer->origin);
	text_buffer_add(text, "): ");
	add_coloured(text, style, peer_colour(peer->state), view_peer_state_name(peer->state));
	if (peer->reason) {
		text_buffer_add(text, ", ");
		text_buffer_add_clean(text, peer->reason);
	}
	text_buffer_add(text, "\n");

	int inner = indent + 2;
	bool more = peer->has_preshared_key && !peer->is_identity;
	add_label(text, inner, peer->is_identity ? "identity" : "public key");
	add_key(text, peer->public_key);
	text_buffer_add(text, "%s\n", more ? " and a pre-shared key" : "");
	if (peer->endpoint_name || peer->endpoint.address.family != ADDRESS_NONE) {
		add_label(text, inner, "endpoint");
		add_endpoint(text, peer);
		text_buffer_add(text, "\n");
	}
	/* What a client sends its server is the tunnel's routes, and what the server gives. */
	if (peer->allowed_ip_count > 0 || !peer->is_identity || !peer->endpoint_name) {
		add_label(text, inner, "allowed IPs");
		add_prefixes(text, peer->allowed_ips, peer->allowed_ip_count);
		text_buffer_add(text, "\n");
	}
	add_rules(text, peer->rules, inner, style);
	quantity_ago(style->now, peer->latest_handshake, word);
	add_label(text, inner, "latest handshake");
	text_buffer_add(text, "%s\n", word);
	if (peer->received > 0 || peer->sent > 0) {
		add_label(text, inner, "transfer");
		add_transfer(text, peer->received, peer->sent);
	}
	if (peer->streams.are_known)
		status_streams_peer(text, &peer->streams, inner);
	add_paths(text, peer, inner);
	if (peer->path_mtu > 0) {
		add_label(text, inner, "path");
		text_buffer_add(text, "carries packets of %u bytes\n", peer->path_mtu);
	}
	if (peer->persistent_keepalive > 0) {
		quantity_duration(peer->persistent_keepalive, word);
		add_label(text, inner, "keepalive");
		text_buffer_add(text, "every %s\n", word);
	}
}

/* What its server gives, as far as it was taken. */
static void add_pushed(struct text_buffer *text, const struct view_pushed *pushed) {
	char word[ADDRESS_TEXT_SIZE];
	const struct {
		const char *label;
		const struct prefix *prefixes;
		size_t count;
	} lists[] = {{"given addresses", pushed->addresses, pushed->address_count},
				 {"given routes", pushed->routes, pushed->route_count}};
	for (size_t i = 0; i < 2; i++) {
		if (lists[i].count == 0)
			continue;
		add_label(text, TUNNEL_INDENT, lists[i].label);
		add_prefixes(text, lists[i].prefixes, lists[i].count);
		text_buffer_add(text, "\n");
	}
	if (pushed->dns_count > 0)
		add_label(text, TUNNEL_INDENT, "given DNS");
	for (size_t i = 0; i < pushed->dns_count; i++) {
		address_format(&pushed->dns[i], word);
		text_buffer_add(text, "%s%s%s", i > 0 ? ", " : "", word,
						i + 1 == pushed->dns_count ? "\n" : "");
	}
	for (const char *name = pushed->search; name && *name;) {
		size_t size = strcspn(name, "\n");
		char line[RULE_LINE_MAX];
		(void)snprintf(line, sizeof line, "%.*s", (int)size, name);
		add_label(text, TUNNEL_INDENT, name == pushed->search ? "given search" : "");
		text_buffer_add_clean(text, line);
		text_buffer_add(text, "\n");
		name += size + (name[size] != '\0');
	}
	if (pushed->mtu > 0) {
		add_label(text, TUNNEL_INDENT, "given MTU");
		text_buffer_add(text, "%u\n", pushed->mtu);
	}
}

static void add_interface(struct text_buffer *text, const struct view_tunnel *tunnel) {
	if (tunnel->protocol) {
		add_label(text, TUNNEL_INDENT, "protocol");
		text_buffer_add_clean(text, tunnel->protocol);
		text_buffer_add(text, "\n");
	}
	if (tunnel->has_public_key) {
		add_label(text, TUNNEL_INDENT, "public key");
		add_key(text, tunnel->public_key);
		text_buffer_add(text, "\n");
	}
	add_label(text, TUNNEL_INDENT, "addresses");
	add_prefixes(text, tunnel->addresses, tunnel->address_count);
	text_buffer_add(text, "\n");
	if (tunnel->pushed)
		add_pushed(text, tunnel->pushed);
	if (tunnel->listen_port > 0) {
		add_label(text, TUNNEL_INDENT, "port");
		text_buffer_add(text, "%u\n", tunnel->listen_port);
	}
	if (tunnel->mtu > 0) {
		add_label(text, TUNNEL_INDENT, "MTU");
		text_buffer_add(text, "%" PRIu32 "%s\n", tunnel->mtu,
						tunnel->mtu_from_route ? " (from the route)" : "");
	}
	if (tunnel->kill_switch != VIEW_KILL_SWITCH_OFF) {
		add_label(text, TUNNEL_INDENT, "kill switch");
		text_buffer_add(text, "%s\n", view_tunnel_kill_switch_name(tunnel->kill_switch));
	}
	if (tunnel->fwmark > 0) {
		add_label(text, TUNNEL_INDENT, "mark");
		text_buffer_add(text, "0x%" PRIx32 "\n", tunnel->fwmark);
	}
}

static void add_data_path(struct text_buffer *text, const struct view_data_path *path,
						  const struct status_style *style) {
	add_label(text, TUNNEL_INDENT, "data path");
	status_data_path_line(text, path);
	text_buffer_add(text, "\n");
	if (style->verbose)
		status_data_path_table(text, path, TUNNEL_INDENT + 2);
}

/* "connected to vpn.example.org:51820 (192.0.2.1:51820) for 3 hours", "12 of 40 peers connected".
 */
static void add_connected(struct text_buffer *text, const struct view_tunnel *tunnel,
						  const struct status_style *style) {
	char word[QUANTITY_SIZE];
	if (tunnel->peer_count != 1 || tunnel->shown != 1 || !tunnel->peers[0].endpoint_name) {
		text_buffer_add(text, "%" PRIu64 " of %" PRIu64 " peer%s connected",
						tunnel->connected_count, tunnel->peer_count,
						tunnel->peer_count == 1 ? "" : "s");
		return;
	}
	text_buffer_add(text, "connected to ");
	add_endpoint(text, &tunnel->peers[0]);
	if (tunnel->condition_since == 0)
		return;
	quantity_duration(
		style->now > tunnel->condition_since ? style->now - tunnel->condition_since : 0, word);
	text_buffer_add(text, " for %s", word);
}

/* What the state does not say already. */
static void add_condition(struct text_buffer *text, const struct view_tunnel *tunnel,
						  const struct status_style *style) {
	const char *condition = tunnel->condition;
	if (condition && strcmp(condition, view_tunnel_state_name(tunnel->state)) != 0) {
		text_buffer_add(text, ", ");
		if (strcmp(condition, "connected") == 0)
			add_connected(text, tunnel, style);
		else
			text_buffer_add_clean(text, condition);
		if (tunnel->reason)
			text_buffer_add(text, ": ");
	} else if (tunnel->reason) {
		text_buffer_add(text, ", ");
	}
	if (tunnel->reason)
		text_buffer_add_clean(text, tunnel->reason);
}

void status_text_tunnel(struct text_buffer *text, const struct view_tunnel *tunnel,
						const struct status_style *style) {
	add_coloured(text, style, BOLD, tunnel->name);
	text_buffer_add(text, ": ");
	add_coloured(text, style, tunnel_colour(tunnel->state), view_tunnel_state_name(tunnel->state));
	add_condition(text, tunnel, style);
	text_buffer_add(text, "\n");
	add_interface(text, tunnel);
	add_label(text, TUNNEL_INDENT, "peers");
	text_buffer_add(text, "%" PRIu64 ", %" PRIu64 " connected\n", tunnel->peer_count,
					tunnel->connected_count);
	add_label(text, TUNNEL_INDENT, "transfer");
	add_transfer(text, tunnel->received, tunnel->sent);
	if (tunnel->data_path)
		add_data_path(text, tunnel->data_path, style);
	if (tunnel->streams.are_known)
		status_streams_tunnel(text, &tunnel->streams, TUNNEL_INDENT);
	for (size_t i = 0; i < tunnel->shown; i++) {
		text_buffer_add(text, "\n");
		status_text_peer(text, &tunnel->peers[i], PEER_INDENT, style);
	}
	if (tunnel->peer_count > tunnel->shown)
		text_buffer_add(text, "\n%*s%" PRIu64 " %s not shown; --peers=N shows N of them\n",
						PEER_INDENT, "", tunnel->peer_count - tunnel->shown,
						tunnel->shown > 0 ? "more peers" : "peers");
}

void status_text(struct text_buffer *text, const struct view_status *status,
				 const struct status_style *style) {
	char word[QUANTITY_SIZE];
	quantity_duration(style->now > status->started ? style->now - status->started : 0, word);
	text_buffer_add(text, "umbrad ");
	text_buffer_add_clean(text, status->version);
	if (status->node) {
		text_buffer_add(text, " on ");
		text_buffer_add_clean(text, status->node);
	}
	text_buffer_add(text, ", process %" PRIu64 ", running for %s\n", status->pid, word);
	if (status->configuration) {
		text_buffer_add(text, "configuration ");
		text_buffer_add_clean(text, status->configuration);
		text_buffer_add(text, ", ");
	}
	text_buffer_add(text, "log level ");
	text_buffer_add_clean(text, status->log_level);
	text_buffer_add(text, "\n");
	for (size_t i = 0; i < status->tunnel_count; i++) {
		text_buffer_add(text, "\n");
		status_text_tunnel(text, &status->tunnels[i], style);
	}
}

enum { EVENT_LINE_MAX = 1024 };

void status_text_event(struct text_buffer *text, const struct view_event *event,
					   const struct status_style *style) {
	char word[QUANTITY_SIZE];
	quantity_time(event->time, word);
	text_buffer_add(text, "%s ", word);
	add_coloured(text, style, BOLD, event->kind);
	const char *const places[] = {event->tunnel, event->peer};
	for (size_t i = 0; i < 2; i++)
		if (places[i]) {
			text_buffer_add(text, " ");
			text_buffer_add_clean(text, places[i]);
		}
	/* One line an event, also where a refused configuration has several faults. */
	for (const char *line = event->message; line; line = strchr(line, '\n')) {
		if (line != event->message)
			line++;
		char part[EVENT_LINE_MAX];
		(void)snprintf(part, sizeof part, "%.*s", (int)strcspn(line, "\n"), line);
		text_buffer_add(text, line == event->message ? ": " : "; ");
		text_buffer_add_clean(text, part);
	}
	text_buffer_add(text, "\n");
}

/* The columns of status_text_peers(). */
enum {
	COLUMN_TUNNEL,
	COLUMN_NAME,
	COLUMN_ORIGIN,
	COLUMN_STATE,
	COLUMN_HANDSHAKE,
	COLUMN_ENDPOINT,
	COLUMN_ALLOWED_IPS, /* the last: as long as it is */
	COLUMN_COUNT,
};

static void add_cell(struct text_buffer *text, const struct view_peer *peer, int column,
					 const struct status_style *style) {
	char word[QUANTITY_SIZE];
	switch (column) {
	case COLUMN_TUNNEL:
		text_buffer_add_clean(text, peer->tunnel);
		break;
	case COLUMN_NAME:
		text_buffer_add_clean(text, peer->name);
		break;
	case COLUMN_ORIGIN:
		text_buffer_add_clean(text, peer->origin);
		break;
	case COLUMN_STATE:
		text_buffer_add(text, "%s", view_peer_state_name(peer->state));
		break;
	case COLUMN_HANDSHAKE:
		quantity_ago(style->now, peer->latest_handshake, word);
		text_buffer_add(text, "%s", word);
		break;
	case COLUMN_ENDPOINT:
		add_endpoint(text, peer);
		break;
	default:
		add_prefixes(text, peer->allowed_ips, peer->allowed_ip_count);
		if (peer->reason) {
			text_buffer_add(text, "  (");
			text_buffer_add_clean(text, peer->reason);
			text_buffer_add(text, ")");
		}
	}
}

static void add_padding(struct text_buffer *text, size_t width, size_t wanted) {
	text_buffer_add(text, "%*s", (int)(wanted - width) + 2, "");
}

void status_text_peers(struct text_buffer *text, const struct view_peer *peers, size_t count,
					   bool with_tunnel, const struct status_style *style) {
	static const char *const headings[] = {"TUNNEL",    "NAME",     "ORIGIN",     "STATE",
										   "HANDSHAKE", "ENDPOINT", "ALLOWED IPS"};
	size_t widths[COLUMN_COUNT];
	const int first = with_tunnel ? COLUMN_TUNNEL : COLUMN_NAME;
	auto_text_buffer struct text_buffer cell = {0};
	for (int column = first; column < COLUMN_COUNT; column++) {
		widths[column] = strlen(headings[column]);
		for (size_t i = 0; i < count && column < COLUMN_ALLOWED_IPS; i++) {
			cell.size = 0;
			add_cell(&cell, &peers[i], column, style);
			size_t width = cell.failed ? 0 : text_buffer_width(cell.text);
			widths[column] = width > widths[column] ? width : widths[column];
		}
	}
	for (int column = first; column < COLUMN_COUNT; column++) {
		add_coloured(text, style, BOLD, headings[column]);
		if (column < COLUMN_ALLOWED_IPS)
			add_padding(text, strlen(headings[column]), widths[column]);
	}
	text_buffer_add(text, "\n");
	for (size_t i = 0; i < count; i++) {
		for (int column = first; column < COLUMN_COUNT; column++) {
			cell.size = 0;
			add_cell(&cell, &peers[i], column, style);
			const char *word = cell.failed || !cell.text ? "" : cell.text;
			if (column == COLUMN_STATE)
				add_coloured(text, style, peer_colour(peers[i].state), word);
			else
				text_buffer_add(text, "%s", word);
			if (column < COLUMN_ALLOWED_IPS)
				add_padding(text, text_buffer_width(word), widths[column]);
		}
		text_buffer_add(text, "\n");
	}
	text->failed = text->failed || cell.failed;
}
