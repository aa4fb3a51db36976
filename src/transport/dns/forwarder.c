#include "transport/dns/forwarder.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transport/dns/forwarder_core.h"

/* Copies of lists; one that is empty is a byte. */
static void *copy(const void *items, size_t count, size_t size) {
	void *made = calloc(count + 1, size);
	if (made && count > 0)
		memcpy(made, items, count * size);
	return made;
}

static bool is_valid(const struct forwarder_options *options) {
	if (options->group_count > FORWARDER_GROUPS_MAX)
		return false;
	for (size_t i = 0; i < options->group_count; i++) {
		const struct forwarder_group *group = &options->groups[i];
		if (group->servers > FORWARDER_SERVERS_MAX)
			return false;
		for (size_t j = 0; j < group->servers; j++)
			if (group->sockets[j] == 0)
				return false;
	}
	for (size_t i = 0; i < options->route_count; i++)
		if (options->routes[i].group >= options->group_count)
			return false;
	return true;
}

enum err forwarder_new(const struct forwarder_options *options, struct forwarder **out_forwarder) {
	if (!is_valid(options))
		return ERR_INVALID;
	struct forwarder *forwarder = calloc(1, sizeof *forwarder);
	if (!forwarder)
		return ERR_NO_MEMORY;
	forwarder->ops = options->ops;
	forwarder->context = options->context;
	forwarder->random = options->random;
	forwarder->groups = copy(options->groups, options->group_count, sizeof *options->groups);
	forwarder->routes = copy(options->routes, options->route_count, sizeof *options->routes);
	forwarder->rules = copy(options->rules, options->rule_count, sizeof *options->rules);
	forwarder->group_count = options->group_count;
	forwarder->route_count = options->route_count;
	forwarder->rule_count = options->rule_count;
	deadline_heap_init(&forwarder->deadlines);
	enum err error = deadline_heap_reserve(&forwarder->deadlines, FORWARDER_OUTSTANDING_MAX);
	if (!forwarder->groups || !forwarder->routes || !forwarder->rules)
		error = ERR_NO_MEMORY;
	if (error) {
		forwarder_free(forwarder);
		return error;
	}
	*out_forwarder = forwarder;
	return ERR_OK;
}

void forwarder_free(struct forwarder *forwarder) {
	if (!forwarder)
		return;
	for (size_t i = 0; i < FORWARDER_OUTSTANDING_MAX; i++)
		forwarder_entry_free(forwarder, &forwarder->entries[i]);
	deadline_heap_done(&forwarder->deadlines);
	free(forwarder->groups);
	free(forwarder->routes);
	free(forwarder->rules);
	free(forwarder);
}

const struct forwarder_figures *forwarder_figures(const struct forwarder *forwarder) {
	return &forwarder->figures;
}

const struct forwarder_group_figures *forwarder_group_figures(const struct forwarder *forwarder,
															  size_t group) {
	return &forwarder->group_figures[group];
}

/* Answers */

static void send_answer(struct forwarder *forwarder, const struct forwarder_client *client,
						const uint8_t *data, size_t size) {
	forwarder->figures.answers++;
	forwarder->ops->answer(forwarder->context, client, data, size);
}

/* Without records; the entry is done. */
static void finish_empty(struct forwarder *forwarder, struct forwarder_entry *entry,
						 enum dns_rcode rcode, uint16_t flags) {
	uint8_t answer[DNS_QUESTION_MAX];
	size_t size = dns_answer_encode(entry->query, &entry->question, rcode, flags, answer);
	struct forwarder_client client = entry->client;
	forwarder->figures.failed += rcode == DNS_RCODE_FAILED;
	forwarder->group_figures[entry->group].failed += rcode == DNS_RCODE_FAILED;
	forwarder->group_figures[entry->group].answers++;
	forwarder_entry_free(forwarder, entry);
	send_answer(forwarder, &client, answer, size);
}

/* With the bytes of data, which may be the entry's own. */
static void finish(struct forwarder *forwarder, struct forwarder_entry *entry, const uint8_t *data,
				   size_t size) {
	uint8_t *answer = entry->answer;
	if (!answer) {
		answer = malloc(size);
		if (!answer) {
			finish_empty(forwarder, entry, DNS_RCODE_FAILED, 0);
			return;
		}
		memcpy(answer, data, size);
	}
	entry->answer = NULL;
	dns_set_id(answer, entry->question.id);
	forwarder->group_figures[entry->group].answers++;
	struct forwarder_client client = entry->client;
	forwarder_entry_free(forwarder, entry);
	send_answer(forwarder, &client, answer, size);
	free(answer);
}

/* Questions */

static void ask_next(struct forwarder *forwarder, uint64_t now, struct forwarder_entry *entry);

static bool ask(struct forwarder *forwarder, uint64_t now, struct forwarder_entry *entry) {
	const struct forwarder_group *group = &forwarder->groups[entry->group];
	bool stream = entry->client.stream != 0;
	entry->state = stream ? FORWARDER_ASKING_STREAM : FORWARDER_ASKING;
	/* On a connection of its own an id tells nothing apart; a random one gives nothing away. */
	entry->socket = random_u32(forwarder->random) % group->sockets[entry->server];
	entry->id = forwarder_entry_pick_id(forwarder, entry);
	dns_set_id(entry->query, entry->id);
	deadline_set(&forwarder->deadlines, &entry->deadline,
				 now + (stream ? FORWARDER_STREAM_TIMEOUT : FORWARDER_TIMEOUT));
	if (stream)
		return forwarder->ops->ask_stream(forwarder->context,
										  forwarder_entry_ticket(forwarder, entry), entry->group,
										  entry->server, entry->query, entry->query_size);
	forwarder->ops->ask(forwarder->context, entry->group, entry->server, entry->socket,
						entry->query, entry->query_size);
	return true;
}

/* Each server once, and again from the first while there are tries left. */
static void ask_next(struct forwarder *forwarder, uint64_t now, struct forwarder_entry *entry) {
	size_t servers = forwarder->groups[entry->group].servers;
	while (servers > 0 && entry->tries < FORWARDER_TRIES_MAX) {
		entry->server = entry->tries++ % servers;
		/* A ticket of before is void from here on. */
		entry->serial++;
		if (ask(forwarder, now, entry))
			return;
	}
	finish_empty(forwarder, entry, DNS_RCODE_FAILED, 0);
}

static const struct forwarder_route *find_route(const struct forwarder *forwarder,
												const struct dns_name *name) {
	const struct forwarder_route *found = NULL;
	for (size_t i = 0; i < forwarder->route_count; i++) {
		const struct forwarder_route *route = &forwarder->routes[i];
		if (dns_name_is_within(name, &route->domain) &&
			(!found || route->domain.size > found->domain.size))
			found = route;
	}
	return found;
}

/* Of two with the same domain the one that is required. */
static const struct forwarder_rule *find_rule(const struct forwarder *forwarder,
											  const struct dns_name *name) {
	const struct forwarder_rule *found = NULL;
	for (size_t i = 0; i < forwarder->rule_count; i++) {
		const struct forwarder_rule *rule = &forwarder->rules[i];
		if (!dns_name_is_within(name, &rule->domain))
			continue;
		if (!found || rule->domain.size > found->domain.size ||
			(rule->domain.size == found->domain.size && rule->grant.required &&
			 !found->grant.required))
			found = rule;
	}
	return found;
}

static bool is_local(const struct forwarder_client *client) {
	static const uint8_t v6[ADDRESS_V6_SIZE] = {[15] = 1};
	const struct address *address = &client->from.address;
	if (client->stream != 0)
		return true; /* told by who accepted it */
	return address->family == ADDRESS_V4   ? address->bytes[0] == 127
		   : address->family == ADDRESS_V6 ? memcmp(address->bytes, v6, sizeof v6) == 0
										   : false;
}

void forwarder_query(struct forwarder *forwarder, uint64_t now,
					 const struct forwarder_client *client, const uint8_t *data, size_t size) {
	struct dns_question question;
	if (!is_local(client) || size > FORWARDER_QUERY_MAX ||
		dns_question_decode(data, size, &question) || (question.flags & DNS_FLAG_ANSWER)) {
		forwarder->figures.refused++;
		return;
	}
	forwarder->figures.questions++;
	const struct forwarder_route *route = find_route(forwarder, &question.name);
	struct forwarder_entry *entry =
		route ? forwarder_entry_new(forwarder, client, data, size) : NULL;
	if (!entry) {
		uint8_t answer[DNS_QUESTION_MAX];
		forwarder->figures.refused++;
		send_answer(forwarder, client, answer,
					dns_answer_encode(data, &question, route ? DNS_RCODE_FAILED : DNS_RCODE_REFUSED,
									  0, answer));
		return;
	}
	entry->question = question;
	entry->group = route->group;
	forwarder->group_figures[entry->group].questions++;
	const struct forwarder_rule *rule = find_rule(forwarder, &question.name);
	if (rule) {
		entry->granting = true;
		entry->grant = rule->grant;
	}
	ask_next(forwarder, now, entry);
}

void forwarder_forget(struct forwarder *forwarder, uint64_t stream) {
	for (size_t i = 0; i < FORWARDER_OUTSTANDING_MAX && stream != 0; i++) {
		struct forwarder_entry *entry = &forwarder->entries[i];
		if (entry->state == FORWARDER_FREE || entry->client.stream != stream)
			continue;
		if (entry->state == FORWARDER_ASKING_STREAM)
			forwarder->ops->drop_stream(forwarder->context,
										forwarder_entry_ticket(forwarder, entry));
		forwarder_entry_free(forwarder, entry);
	}
}

/* Answers of servers */

/* Nobody learns the addresses before they are granted. */
static void grant(struct forwarder *forwarder, uint64_t now, struct forwarder_entry *entry,
				  const struct dns_addresses *found, const uint8_t *data, size_t size) {
	if (forwarder->granting >= FORWARDER_GRANTING_MAX || !(entry->answer = malloc(size))) {
		finish_empty(forwarder, entry, DNS_RCODE_FAILED, 0);
		return;
	}
	memcpy(entry->answer, data, size);
	entry->answer_size = size;
	entry->state = FORWARDER_GRANTING;
	entry->serial++;
	forwarder->granting++;
	deadline_set(&forwarder->deadlines, &entry->deadline, now + FORWARDER_GRANT_TIMEOUT);
	uint32_t ticket = forwarder_entry_ticket(forwarder, entry);
	struct forwarder_grant wanted = entry->grant;
	if (!forwarder->ops->grant(forwarder->context, ticket, &wanted, found->items, found->count,
							   found->ttl))
		forwarder_granted(forwarder, now, ticket, false);
}

/* Without its grant an answer that needs none is passed on: what it leads to goes the usual way. */
void forwarder_granted(struct forwarder *forwarder, uint64_t now, uint32_t ticket, bool granted) {
	struct forwarder_entry *entry = forwarder_entry_find(forwarder, ticket, FORWARDER_GRANTING);
	if (!entry)
		return;
	if (granted || !entry->grant.required)
		finish(forwarder, entry, entry->answer, entry->answer_size);
	else
		finish_empty(forwarder, entry, DNS_RCODE_FAILED, 0);
}

/* A good answer of the server that was asked. */
static void take(struct forwarder *forwarder, uint64_t now, struct forwarder_entry *entry,
				 const struct dns_question *answer, const uint8_t *data, size_t size) {
	uint16_t rcode = answer->flags & DNS_FLAGS_RCODE;
	bool useless = rcode == DNS_RCODE_FAILED || rcode == DNS_RCODE_REFUSED;
	if (useless && entry->tries < forwarder->groups[entry->group].servers) {
		ask_next(forwarder, now, entry);
		return;
	}
	if ((answer->flags & DNS_FLAG_TRUNCATED) && entry->client.stream == 0) {
		finish_empty(forwarder, entry, DNS_RCODE_OK, DNS_FLAG_TRUNCATED);
		return;
	}
	struct dns_addresses found = {.count = 0};
	if (entry->granting && dns_addresses_decode(data, size, &found)) {
		finish_empty(forwarder, entry, DNS_RCODE_FAILED, 0);
		return;
	}
	/* Who followed it would ask for a name that no rule knows; without it he asks for addresses. */
	if (found.elsewhere)
		finish_empty(forwarder, entry, DNS_RCODE_OK, 0);
	else if (found.count > 0)
		grant(forwarder, now, entry, &found, data, size);
	else
		finish(forwarder, entry, data, size);
}

void forwarder_answer(struct forwarder *forwarder, uint64_t now, size_t group, size_t server,
					  size_t socket, const uint8_t *data, size_t size) {
	struct dns_question answer;
	struct forwarder_entry *entry = NULL;
	if (!dns_question_decode(data, size, &answer))
		entry = forwarder_entry_asked(forwarder, group, server, socket, &answer);
	if (entry)
		take(forwarder, now, entry, &answer, data, size);
	else
		forwarder->figures.strange++;
}

void forwarder_unreachable(struct forwarder *forwarder, uint64_t now, size_t group, size_t server,
						   size_t socket) {
	for (size_t i = 0; i < FORWARDER_OUTSTANDING_MAX; i++) {
		struct forwarder_entry *entry = &forwarder->entries[i];
		if (entry->state == FORWARDER_ASKING && entry->group == group && entry->server == server &&
			entry->socket == socket)
			deadline_set(&forwarder->deadlines, &entry->deadline, now);
	}
}

void forwarder_stream_answered(struct forwarder *forwarder, uint64_t now, uint32_t ticket,
							   const uint8_t *data, size_t size) {
	struct forwarder_entry *entry =
		forwarder_entry_find(forwarder, ticket, FORWARDER_ASKING_STREAM);
	if (!entry)
		return;
	struct dns_question answer, sent = entry->question;
	sent.id = entry->id;
	if (size > 0 && !dns_question_decode(data, size, &answer) &&
		dns_question_is_answered(&sent, &answer)) {
		take(forwarder, now, entry, &answer, data, size);
		return;
	}
	forwarder->figures.strange += size > 0;
	ask_next(forwarder, now, entry);
}

uint64_t forwarder_run(struct forwarder *forwarder, uint64_t now) {
	for (struct deadline *due; (due = deadline_pop_expired(&forwarder->deadlines, now));) {
		struct forwarder_entry *entry = deadline_owner(due, struct forwarder_entry, deadline);
		if (entry->state == FORWARDER_GRANTING) {
			forwarder_granted(forwarder, now, forwarder_entry_ticket(forwarder, entry), false);
			continue;
		}
		if (entry->state == FORWARDER_ASKING_STREAM)
			forwarder->ops->drop_stream(forwarder->context,
										forwarder_entry_ticket(forwarder, entry));
		ask_next(forwarder, now, entry);
	}
	return deadline_next(&forwarder->deadlines);
}
