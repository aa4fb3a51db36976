#include "tunnel/server_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stream_figure.h"
#include "proxy/policy.h"
#include "stream/mux.h"
#include "stream/quota.h"
#include "transport/tls/tls_stream.h"
#include "tunnel/carrier.h"
#include "tunnel/exits.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_options.h"
#include "tunnel/stream_packets.h"
#include "tunnel/stream_status.h"
#include "wire/uapi.h"

struct server_client {
	const struct stream_host *host;
	const struct stream_options *options;
	struct stream_peer *peer;
	uint64_t generation; /* of the peer, when the policy was made */
	struct policy *policy;
	struct quota *quota;
	struct exits_client *exits;
	struct packets_peer *packets; /* NULL: there is no interface */
	struct list carriers;         /* the oldest first */
	struct endpoint endpoint;
	uint64_t heard_at;       /* wall clock, ns: when the last proved connection went; 0: none has */
	uint64_t received, sent; /* of connections that are gone */
};

struct member {
	struct list link;
	struct server_client *client;
	struct carrier *carrier;
	struct endpoint from;
	bool is_proved, is_draining;
};

/* Connections */

static void member_free(struct member *member) {
	struct server_client *client = member->client;
	struct carrier_figures figures;
	carrier_figures(member->carrier, &figures);
	client->received += figures.received;
	client->sent += figures.sent;
	if (member->is_proved)
		client->heard_at = stream_host_wall_now(client->host);
	exits_client_leave(client->exits, member->carrier);
	if (client->packets)
		packets_peer_leave(client->packets, member->carrier);
	list_remove(&member->link);
	carrier_free(member->carrier);
	free(member);
}

static size_t count_members(const struct server_client *client, bool is_proved) {
	size_t count = 0;
	list_for_each (link, &client->carriers) {
		const struct member *member = list_item(link, struct member, link);
		count += member->is_proved == is_proved && !member->is_draining;
	}
	return count;
}

static bool has_proved(const struct server_client *client) {
	list_for_each (link, &client->carriers) {
		if (list_item(link, struct member, link)->is_proved)
			return true;
	}
	return false;
}

static struct member *oldest(const struct server_client *client, bool is_proved) {
	list_for_each (link, &client->carriers) {
		struct member *member = list_item(link, struct member, link);
		if (member->is_proved == is_proved && !member->is_draining)
			return member;
	}
	return NULL;
}

/* A frame of the client's has opened. */
static void prove(struct member *member) {
	struct server_client *client = member->client;
	if (member->is_proved)
		return;
	const bool is_first = !has_proved(client);
	member->is_proved = true;
	client->endpoint = member->from;
	/* Not freed: this may be called from inside any of them. */
	if (count_members(client, true) > SERVER_CLIENT_CARRIERS_MAX)
		carrier_drain(oldest(client, true)->carrier);
	if (!is_first)
		return;
	struct stream_event event = {.kind = STREAM_EVENT_CONNECTED, .endpoint = member->from};
	memcpy(event.public_key, client->peer->public_key, X25519_KEY_SIZE);
	stream_host_event(client->host, &event);
}

static enum stream_error on_opened(void *context, struct mux_stream *stream,
								   const struct target *target) {
	struct member *member = context;
	prove(member);
	struct server_client *client = member->client;
	if (target->type != TARGET_PACKETS)
		return exits_client_open(client->exits, member->carrier, stream, target);
	return client->packets ? packets_peer_open(client->packets, member->carrier, stream)
						   : STREAM_ERROR_REFUSED_STREAM;
}

static void on_draining(void *context) {
	((struct member *)context)->is_draining = true;
}

static void on_closed(void *context, const char *why) {
	member_free(context);
}

static const struct carrier_ops carrier_ops = {
	.opened = on_opened,
	.draining = on_draining,
	.closed = on_closed,
};

enum err server_client_take(struct server_client *client, const struct carrier_accepted *accepted) {
	struct member *member = calloc(1, sizeof *member);
	if (!member) {
		tls_stream_abort(accepted->tls);
		return ERR_NO_MEMORY;
	}
	*member = (struct member){
		.client = client,
		.from = accepted->from,
	};
	const struct carrier_setup setup = {
		.host = client->host,
		.ops = &carrier_ops,
		.context = member,
		.tls = accepted->tls,
		.first = accepted->first,
		.peer = accepted->from,
		.keys = accepted->keys,
		.shaping = client->options->shaping,
		.quota = client->quota,
	};
	enum err error = carrier_new(&setup, &member->carrier);
	if (error) {
		free(member);
		return error;
	}
	list_append(&client->carriers, &member->link);
	if (count_members(client, false) > SERVER_CLIENT_UNPROVED_MAX)
		member_free(oldest(client, false));
	return ERR_OK;
}

void server_client_drain(struct server_client *client, bool now) {
	list_for_each (link, &client->carriers) {
		struct carrier *carrier = list_item(link, struct member, link)->carrier;
		if (client->packets)
			packets_peer_leave(client->packets, carrier);
		if (now)
			carrier_end(carrier);
		else
			carrier_drain(carrier);
	}
}

bool server_client_is_drained(const struct server_client *client) {
	return list_is_empty(&client->carriers);
}

/* What he may do */

/* His own rules, and behind them those of the tunnel. */
static enum err make_policy(const struct server_client *client, struct policy **out_policy) {
	const struct stream_peer *peer = client->peer;
	const struct stream_options *options = client->options;
	const size_t count = peer->rule_count + options->rule_count;
	struct policy_rule *rules = calloc(count + 1, sizeof *rules);
	if (!rules)
		return ERR_NO_MEMORY;
	if (peer->rule_count > 0)
		memcpy(rules, peer->rules, peer->rule_count * sizeof *rules);
	if (options->rule_count > 0)
		memcpy(rules + peer->rule_count, options->rules, options->rule_count * sizeof *rules);
	enum err error = policy_new(rules, count, options->otherwise, out_policy);
	free(rules);
	return error;
}

enum err server_client_refresh(struct server_client *client, bool all) {
	struct policy *policy = NULL;
	if (!all && client->generation == client->peer->generation)
		return ERR_OK;
	const struct stream_peer *peer = client->peer;
	enum err error = make_policy(client, &policy);
	if (!error && client->packets)
		error = packets_peer_set(client->packets, peer->allowed_ips, peer->allowed_ip_count);
	if (error) {
		policy_free(policy);
		return error;
	}
	exits_client_set(client->exits, policy, client->options->streams_max);
	policy_free(client->policy);
	client->policy = policy;
	client->generation = peer->generation;
	return ERR_OK;
}

/* His life */

enum err server_client_new(const struct server_client_setup *setup,
						   struct server_client **out_client) {
	struct server_client *client = calloc(1, sizeof *client);
	if (!client)
		return ERR_NO_MEMORY;
	*client = (struct server_client){
		.host = setup->host,
		.options = setup->options,
		.peer = setup->peer,
		.generation = setup->peer->generation,
	};
	list_init(&client->carriers);
	enum err error = make_policy(client, &client->policy)
						 ?: quota_new(QUOTA_DEFAULT, setup->memory, &client->quota)
						 ?: exits_client_new(setup->exits, client->policy,
											 setup->options->streams_max, &client->exits);
	if (!error && setup->packets)
		error = packets_peer_new(setup->packets, setup->peer->allowed_ips,
								 setup->peer->allowed_ip_count, &client->packets);
	if (error) {
		server_client_free(client);
		return error;
	}
	setup->peer->owner = client;
	*out_client = client;
	return ERR_OK;
}

void server_client_free(struct server_client *client) {
	if (!client)
		return;
	list_for_each (link, &client->carriers)
		member_free(list_item(link, struct member, link));
	if (client->peer->owner == client)
		client->peer->owner = NULL;
	packets_peer_free(client->packets);
	exits_client_free(client->exits);
	policy_free(client->policy);
	quota_free(client->quota);
	free(client);
}

void server_client_count(const struct server_client *client, struct stream_figure_set *figures) {
	struct exits_figures exits;
	exits_client_figures(client->exits, &exits);
	list_for_each (link, &client->carriers) {
		struct carrier_figures carrier;
		carrier_figures(list_item(link, struct member, link)->carrier, &carrier);
		figures->of[STREAM_FIGURE_CONNECTIONS]++;
		figures->of[STREAM_FIGURE_STREAMS] += carrier.streams;
	}
	figures->of[STREAM_FIGURE_RELAYS] += exits.connections;
	figures->of[STREAM_FIGURE_SESSIONS] += exits.sessions;
	figures->of[STREAM_FIGURE_OPENED] += exits.opened;
	figures->of[STREAM_FIGURE_REFUSED] += exits.refused;
	figures->of[STREAM_FIGURE_FAILED] += exits.failed;
	figures->of[STREAM_FIGURE_QUESTIONS] += exits.questions;
	figures->of[STREAM_FIGURE_DATAGRAMS_DROPPED] += exits.dropped;
	if (client->packets) {
		struct packets_figures packets;
		packets_peer_figures(client->packets, &packets);
		figures->of[STREAM_FIGURE_PACKETS_DROPPED] += packets.dropped;
	}
}

void server_client_status(const struct server_client *client, struct uapi_text *out_text) {
	struct stream_peer_figure_set figures = {
		.are_known = true, .of[STREAM_PEER_FIGURE_HELD] = quota_used(client->quota)};
	uint64_t received = client->received, sent = client->sent;
	list_for_each (link, &client->carriers) {
		struct carrier_figures carrier;
		carrier_figures(list_item(link, struct member, link)->carrier, &carrier);
		received += carrier.received;
		sent += carrier.sent;
		stream_status_add(&figures, &carrier);
	}
	if (client->endpoint.port > 0)
		uapi_put_endpoint(out_text, "endpoint", &client->endpoint);
	/* A connection that is open was heard of, and counts as a handshake of now. */
	uint64_t heard = has_proved(client) ? stream_host_wall_now(client->host) : client->heard_at;
	uapi_put_number(out_text, "last_handshake_time_sec", heard / CLOCK_SECOND);
	uapi_put_number(out_text, "last_handshake_time_nsec", heard % CLOCK_SECOND);
	uapi_put_number(out_text, "tx_bytes", sent);
	uapi_put_number(out_text, "rx_bytes", received);
	stream_status_put_peer(out_text, &figures);
}
