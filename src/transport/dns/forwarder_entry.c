#include <stdlib.h>
#include <string.h>

#include "transport/dns/forwarder_core.h"

/* The low bits of a ticket are the place in the table. */
enum { TICKET_BITS = 10, ID_DRAWS_MAX = 64 };
_Static_assert(1 << TICKET_BITS == FORWARDER_OUTSTANDING_MAX, "each place has a number");

static bool is_same(const struct forwarder_client *left, const struct forwarder_client *right) {
	return left->stream == right->stream &&
		   (left->stream != 0 || endpoint_equal(&left->from, &right->from));
}

struct forwarder_entry *forwarder_entry_new(struct forwarder *forwarder,
											const struct forwarder_client *client,
											const uint8_t *data, size_t size) {
	struct forwarder_entry *free_entry = NULL;
	size_t of_client = 0;
	for (size_t i = 0; i < FORWARDER_OUTSTANDING_MAX; i++) {
		struct forwarder_entry *entry = &forwarder->entries[i];
		if (entry->state == FORWARDER_FREE)
			free_entry = free_entry ? free_entry : entry;
		else
			of_client += is_same(&entry->client, client);
	}
	if (!free_entry || of_client >= FORWARDER_CLIENT_MAX)
		return NULL;
	uint8_t *query = malloc(size);
	if (!query)
		return NULL;
	memcpy(query, data, size);
	*free_entry = (struct forwarder_entry){.state = FORWARDER_ASKING,
										   .serial = free_entry->serial + 1,
										   .client = *client,
										   .query = query,
										   .query_size = size};
	forwarder->used++;
	return free_entry;
}

void forwarder_entry_free(struct forwarder *forwarder, struct forwarder_entry *entry) {
	if (entry->state == FORWARDER_FREE)
		return;
	if (entry->state == FORWARDER_GRANTING)
		forwarder->granting--;
	deadline_remove(&forwarder->deadlines, &entry->deadline);
	free(entry->query);
	free(entry->answer);
	*entry = (struct forwarder_entry){.state = FORWARDER_FREE, .serial = entry->serial};
	forwarder->used--;
}

uint32_t forwarder_entry_ticket(const struct forwarder *forwarder,
								const struct forwarder_entry *entry) {
	return entry->serial << TICKET_BITS | (uint32_t)(entry - forwarder->entries);
}

struct forwarder_entry *forwarder_entry_find(struct forwarder *forwarder, uint32_t ticket,
											 enum forwarder_state state) {
	struct forwarder_entry *entry = &forwarder->entries[ticket % FORWARDER_OUTSTANDING_MAX];
	return entry->state == state && forwarder_entry_ticket(forwarder, entry) == ticket ? entry
																					   : NULL;
}

static bool is_asked(const struct forwarder_entry *entry, size_t group, size_t server,
					 size_t socket, uint16_t id) {
	return entry->state == FORWARDER_ASKING && entry->group == group && entry->server == server &&
		   entry->socket == socket && entry->id == id;
}

struct forwarder_entry *forwarder_entry_asked(struct forwarder *forwarder, size_t group,
											  size_t server, size_t socket,
											  const struct dns_question *answer) {
	for (size_t i = 0; i < FORWARDER_OUTSTANDING_MAX; i++) {
		struct forwarder_entry *entry = &forwarder->entries[i];
		if (!is_asked(entry, group, server, socket, answer->id))
			continue;
		struct dns_question sent = entry->question;
		sent.id = entry->id;
		return dns_question_is_answered(&sent, answer) ? entry : NULL;
	}
	return NULL;
}

/* There are far more ids than entries: the first draw does, almost always. */
uint16_t forwarder_entry_pick_id(struct forwarder *forwarder, const struct forwarder_entry *entry) {
	uint16_t id = 0;
	for (unsigned draw = 0; draw < ID_DRAWS_MAX; draw++) {
		id = (uint16_t)random_u32(forwarder->random);
		bool taken = false;
		for (size_t i = 0; i < FORWARDER_OUTSTANDING_MAX && !taken; i++)
			taken =
				&forwarder->entries[i] != entry &&
				is_asked(&forwarder->entries[i], entry->group, entry->server, entry->socket, id);
		if (!taken)
			break;
	}
	return id;
}
