#include "tunnel/exits.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/list.h"
#include "proxy/policy.h"
#include "proxy/special.h"
#include "stream/mux.h"
#include "tunnel/carrier.h"
#include "tunnel/dial.h"
#include "tunnel/exit_options.h"
#include "tunnel/exit_tcp.h"
#include "tunnel/exit_udp.h"
#include "tunnel/own_address.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_user.h"

struct exits {
	const struct stream_host *host;
	struct own_address *own;
	struct list waiting; /* exits whose addresses cannot be judged before `own` is ready */
	struct list clients;
	size_t count, places;
};

struct exits_client {
	struct list link; /* of the exits */
	struct exits *exits;
	const struct policy *policy;
	uint32_t limit, count;
	struct list all; /* its exits */
	struct exit_udp_set sessions;
	struct exits_figures figures;
};

/* One stream's far end. Who has the stream: itself while a target is looked for, then tcp or udp.
 */
struct exit {
	struct stream_user user;
	struct exits_client *client;
	struct carrier *carrier;
	struct mux_stream *stream;
	struct list all, waiting;
	struct target target;
	struct stream_question question;
	struct address addresses[DIAL_ENDPOINTS_MAX]; /* to be judged */
	size_t address_count;
	struct exit_tcp *tcp;
	struct exit_udp *udp;
	struct endpoint peer; /* ADDRESS_NONE: not reached yet */
	bool is_refused;      /* by the policy, when it was reached */
};

static void exit_free(struct exit *exit) {
	struct exits_client *client = exit->client;
	struct exits_figures *figures = &client->figures;
	if (!exit->peer.address.family)
		figures->waiting--;
	else if (exit->target.udp)
		figures->sessions--;
	else
		figures->connections--;
	stream_host_cancel_question(client->exits->host, &exit->question);
	list_remove(&exit->waiting);
	list_remove(&exit->all);
	client->count--;
	client->exits->count--;
	exit_tcp_free(exit->tcp);
	exit_udp_free(exit->udp);
	free(exit);
}

static void ended(void *context) {
	struct exit *exit = context;
	if (exit->is_refused)
		exit->client->figures.refused++;
	else if (!exit->peer.address.family)
		exit->client->figures.failed++;
	exit_free(exit);
}

/* While a target is looked for. */
static void refuse(struct exit *exit, enum stream_error error) {
	if (error == STREAM_ERROR_REFUSED_STREAM)
		exit->client->figures.refused++;
	else
		exit->client->figures.failed++;
	mux_stream_reset(exit->stream, error);
	carrier_touch(exit->carrier);
	exit_free(exit);
}

static bool allows(const struct exit *exit, bool is_own, const struct address *address) {
	const struct policy *policy = exit->client->policy;
	return is_own ? policy_allows_own_address(policy, &exit->target, address)
				  : policy_allows_address(policy, &exit->target, address);
}

/* By the policy of now, which may be another one than when it was asked for. */
static bool may_be(const struct exit *exit, const struct endpoint *peer) {
	enum own_address_answer answer = own_address_ask(exit->client->exits->own, peer);
	return answer != OWN_ADDRESS_UNKNOWN && allows(exit, answer == OWN_ADDRESS_YES, &peer->address);
}

static bool reached(void *context, const struct endpoint *peer) {
	struct exit *exit = context;
	struct exits_figures *figures = &exit->client->figures;
	exit->is_refused = !may_be(exit, peer);
	if (exit->is_refused)
		return false;
	exit->peer = *peer;
	figures->waiting--;
	figures->opened++;
	if (exit->target.udp)
		figures->sessions++;
	else
		figures->connections++;
	return true;
}

/* Those of the addresses that may be. STREAM_ERROR_NONE: there are some. */
static enum stream_error judge(const struct exit *exit,
							   struct endpoint out_endpoints[static DIAL_ENDPOINTS_MAX],
							   size_t *out_count) {
	enum stream_error error = STREAM_ERROR_CONNECT;
	size_t count = 0;
	for (size_t i = 0; i < exit->address_count; i++) {
		struct endpoint endpoint = {.address = special_unmapped(&exit->addresses[i]),
									.port = exit->target.port};
		/* Without the address in question being asked about where it could not be anyway. */
		if (!allows(exit, false, &endpoint.address)) {
			error = STREAM_ERROR_REFUSED_STREAM;
			continue;
		}
		enum own_address_answer answer = own_address_ask(exit->client->exits->own, &endpoint);
		if (answer == OWN_ADDRESS_UNKNOWN)
			error = STREAM_ERROR_INTERNAL;
		else if (answer == OWN_ADDRESS_YES && !allows(exit, true, &endpoint.address))
			error = STREAM_ERROR_REFUSED_STREAM;
		else if (answer != OWN_ADDRESS_NO_WAY)
			out_endpoints[count++] = endpoint;
	}
	*out_count = count;
	return count > 0 ? STREAM_ERROR_NONE : error;
}

/* The exit may be gone afterwards. */
static void begin(struct exit *exit) {
	struct exits_client *client = exit->client;
	struct endpoint endpoints[DIAL_ENDPOINTS_MAX];
	size_t count;
	enum stream_error error = judge(exit, endpoints, &count);
	if (error) {
		refuse(exit, error);
		return;
	}
	const struct exit_options options = {
		.host = client->exits->host,
		.carrier = exit->carrier,
		.stream = exit->stream,
		.endpoints = endpoints,
		.count = count,
		.reached = reached,
		.ended = ended,
		.context = exit,
	};
	if (exit->target.udp ? exit_udp_new(&client->sessions, &options, &exit->udp)
						 : exit_tcp_new(&options, &exit->tcp))
		refuse(exit, STREAM_ERROR_INTERNAL);
	else if (exit->udp)
		exit_udp_begin(exit->udp);
}

/* Its addresses are known. */
static void look(struct exit *exit) {
	struct exits *exits = exit->client->exits;
	if (own_address_is_ready(exits->own))
		begin(exit);
	else
		list_append(&exits->waiting, &exit->waiting);
}

static void own_ready(void *context) {
	struct exits *exits = context;
	struct list *first;
	while ((first = list_take_first(&exits->waiting)) != NULL)
		begin(list_item(first, struct exit, waiting));
}

static void answered(struct stream_question *question, enum err error,
					 const struct address *addresses, size_t count) {
	struct exit *exit = list_item(question, struct exit, question);
	if (error || count == 0) {
		refuse(exit, error == ERR_LIMIT ? STREAM_ERROR_ENHANCE_YOUR_CALM : STREAM_ERROR_CONNECT);
		return;
	}
	exit->address_count = count < DIAL_ENDPOINTS_MAX ? count : DIAL_ENDPOINTS_MAX;
	for (size_t i = 0; i < exit->address_count; i++)
		exit->addresses[i] = addresses[i];
	look(exit);
}

static void on_news(struct stream_user *user) {
	(void)user; /* who reaches the target will look by himself */
}

static void on_closed(struct stream_user *user, uint32_t error) {
	(void)error;
	exit_free(list_item(user, struct exit, user));
}

static const struct stream_user_ops user_ops = {
	.readable = on_news, .writable = on_news, .closed = on_closed};

/* Ends it as far as the stream goes, then all of it. */
static void drop(struct exit *exit, enum stream_error error) {
	if (!exit->tcp && !exit->udp) {
		mux_stream_reset(exit->stream, error);
		carrier_touch(exit->carrier);
	}
	exit_free(exit);
}

/* When its stream had data last; 0: it has none any more. */
static uint64_t active_at(const struct exit *exit) {
	const struct mux_stream *stream = exit->tcp   ? exit_tcp_stream(exit->tcp)
									  : exit->udp ? exit_udp_stream(exit->udp)
												  : exit->stream;
	return stream ? mux_stream_active_at(stream) : 0;
}

static struct exits_client *greediest(const struct exits *exits) {
	struct exits_client *found = NULL;
	list_for_each (link, &exits->clients) {
		struct exits_client *client = list_item(link, struct exits_client, link);
		if (!found || client->count > found->count)
			found = client;
	}
	return found;
}

/* Whether the client may have one more, for which another one's may have to go. */
static bool has_place(const struct exits_client *client) {
	const struct exits *exits = client->exits;
	if (client->count >= client->limit)
		return false;
	if (exits->count < exits->places)
		return true;
	const struct exits_client *other = greediest(exits);
	/* With one less nobody would be better off. */
	if (other->count < client->count + 2)
		return false;
	struct exit *idle = NULL;
	list_for_each (link, &other->all) {
		struct exit *exit = list_item(link, struct exit, all);
		if (!idle || active_at(exit) < active_at(idle))
			idle = exit;
	}
	drop(idle, STREAM_ERROR_CANCEL);
	return true;
}

enum stream_error exits_client_open(struct exits_client *client, struct carrier *carrier,
									struct mux_stream *stream, const struct target *target) {
	struct exits *exits = client->exits;
	enum policy_verdict verdict = policy_judge(client->policy, target);
	if (verdict == POLICY_REFUSED || !has_place(client)) {
		client->figures.refused++;
		return STREAM_ERROR_REFUSED_STREAM;
	}
	struct exit *exit = calloc(1, sizeof *exit);
	if (!exit)
		return STREAM_ERROR_INTERNAL;
	*exit = (struct exit){.user.ops = &user_ops,
						  .client = client,
						  .carrier = carrier,
						  .stream = stream,
						  .target = *target,
						  .question.answered = answered};
	list_init(&exit->question.link);
	list_init(&exit->waiting);
	list_append(&client->all, &exit->all);
	client->count++;
	exits->count++;
	client->figures.waiting++;
	mux_stream_set_owner(stream, &exit->user);
	if (verdict == POLICY_BY_ADDRESS) {
		client->figures.questions++;
		stream_host_resolve(exits->host, exit->target.name, &exit->question);
	} else {
		exit->addresses[exit->address_count++] = target->address;
		look(exit);
	}
	return STREAM_ERROR_NONE;
}

void exits_client_leave(struct exits_client *client, const struct carrier *carrier) {
	list_for_each (link, &client->all) {
		struct exit *exit = list_item(link, struct exit, all);
		if (exit->carrier == carrier)
			drop(exit, STREAM_ERROR_CANCEL);
	}
}

void exits_client_set(struct exits_client *client, const struct policy *policy, uint32_t limit) {
	client->policy = policy;
	client->limit = limit;
	list_for_each (link, &client->all) {
		struct exit *exit = list_item(link, struct exit, all);
		/* Where it is not reached yet, reached() will judge. */
		if (exit->peer.address.family && !may_be(exit, &exit->peer))
			drop(exit, STREAM_ERROR_REFUSED_STREAM);
	}
}

enum err exits_client_new(struct exits *exits, const struct policy *policy, uint32_t limit,
						  struct exits_client **out_client) {
	struct exits_client *client = calloc(1, sizeof *client);
	if (!client)
		return ERR_NO_MEMORY;
	*client = (struct exits_client){.exits = exits, .policy = policy, .limit = limit};
	list_init(&client->all);
	enum err error = exit_udp_set_init(&client->sessions, exits->host);
	if (error) {
		free(client);
		return error;
	}
	list_append(&exits->clients, &client->link);
	*out_client = client;
	return ERR_OK;
}

void exits_client_free(struct exits_client *client) {
	if (!client)
		return;
	list_for_each (link, &client->all)
		drop(list_item(link, struct exit, all), STREAM_ERROR_CANCEL);
	exit_udp_set_done(&client->sessions);
	list_remove(&client->link);
	free(client);
}

void exits_client_figures(const struct exits_client *client, struct exits_figures *out_figures) {
	*out_figures = client->figures;
	out_figures->dropped = client->sessions.dropped;
}

size_t exits_places(void) {
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files))
		return EXITS_TOTAL_MAX;
	const rlim_t all = files.rlim_cur;
	const rlim_t places =
		all / 8 * 3 + EXITS_OTHER_FILES > all ? all / 8 * 3 : all - EXITS_OTHER_FILES;
	return places < EXITS_TOTAL_MAX ? (size_t)places : EXITS_TOTAL_MAX;
}

enum err exits_new(const struct stream_host *host, size_t places, struct exits **out_exits) {
	struct exits *exits = calloc(1, sizeof *exits);
	if (!exits)
		return ERR_NO_MEMORY;
	exits->host = host;
	exits->places = places;
	list_init(&exits->waiting);
	list_init(&exits->clients);
	enum err error = own_address_new(host, own_ready, exits, &exits->own);
	if (error) {
		free(exits);
		return error;
	}
	*out_exits = exits;
	return ERR_OK;
}

void exits_free(struct exits *exits) {
	if (!exits)
		return;
	own_address_free(exits->own);
	free(exits);
}
