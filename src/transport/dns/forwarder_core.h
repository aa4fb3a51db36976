#pragma once

#include "base/deadline.h"
#include "transport/dns/forwarder.h"
#include "wire/dns.h"

/* Inside of forwarder.h: the table of questions that are on their way. */

enum forwarder_state {
	FORWARDER_FREE,
	FORWARDER_ASKING,
	FORWARDER_ASKING_STREAM,
	FORWARDER_GRANTING,
};

struct forwarder_entry {
	enum forwarder_state state;
	uint16_t id;     /* ours, while it is ASKING */
	uint32_t serial; /* counts this entry's questions: tickets of before are void */
	struct forwarder_client client;
	struct dns_question question; /* as the client asked it */
	uint8_t *query;
	size_t query_size;
	uint8_t *answer; /* while it is GRANTING */
	size_t answer_size;
	size_t group, server, socket;
	unsigned tries;
	struct forwarder_grant grant;
	bool granting; /* addresses of this name are to be granted */
	struct deadline deadline;
};

struct forwarder {
	const struct forwarder_ops *ops;
	void *context;
	const struct random_source *random;
	struct forwarder_group *groups;
	struct forwarder_route *routes;
	struct forwarder_rule *rules;
	size_t group_count, route_count, rule_count;
	struct forwarder_entry entries[FORWARDER_OUTSTANDING_MAX];
	size_t used, granting;
	struct deadline_heap deadlines;
	struct forwarder_figures figures;
	struct forwarder_group_figures group_figures[FORWARDER_GROUPS_MAX];
};

/* NULL when the table is full or the client has too much in it. */
struct forwarder_entry *forwarder_entry_new(struct forwarder *forwarder,
											const struct forwarder_client *client,
											const uint8_t *data, size_t size);
void forwarder_entry_free(struct forwarder *forwarder, struct forwarder_entry *entry);
uint32_t forwarder_entry_ticket(const struct forwarder *forwarder,
								const struct forwarder_entry *entry);
/* NULL when it is void. */
struct forwarder_entry *forwarder_entry_find(struct forwarder *forwarder, uint32_t ticket,
											 enum forwarder_state state);
/* NULL when nobody waits for this. */
struct forwarder_entry *forwarder_entry_asked(struct forwarder *forwarder, size_t group,
											  size_t server, size_t socket,
											  const struct dns_question *answer);
/* An id that no other question to this socket has. */
uint16_t forwarder_entry_pick_id(struct forwarder *forwarder, const struct forwarder_entry *entry);
