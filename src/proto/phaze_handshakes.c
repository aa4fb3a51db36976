#include "proto/phaze_handshakes.h"

enum err phaze_handshakes_init(struct phaze_handshakes *handshakes,
							   const struct random_source *random) {
	*handshakes = (struct phaze_handshakes){.counts = {0}};
	list_init(&handshakes->items);
	deadline_heap_init(&handshakes->deadlines);
	key_table_init(&handshakes->by_digest, random, HASH_SIZE);
	key_table_init(&handshakes->by_id, random, PHAZE_HANDSHAKES_ID_SIZE);
	return deadline_heap_reserve(&handshakes->deadlines, PHAZE_HANDSHAKES_MAX);
}

void phaze_handshakes_done(struct phaze_handshakes *handshakes) {
	key_table_done(&handshakes->by_digest);
	key_table_done(&handshakes->by_id);
	deadline_heap_done(&handshakes->deadlines);
}

static enum phaze_standing standing_of(const struct phaze_handshake *handshake) {
	switch (phaze_server_state(handshake->server)) {
	case PHAZE_SERVER_GREETED:
	case PHAZE_SERVER_RESUMED:
		return PHAZE_STANDING_HALF_OPEN;
	case PHAZE_SERVER_CHECKING:
	case PHAZE_SERVER_ACCEPTED:
		return handshake->login != 0 ? PHAZE_STANDING_WAITING
			   : handshake->is_heard ? PHAZE_STANDING_HEARD
									 : PHAZE_STANDING_ANSWERED;
	case PHAZE_SERVER_REFUSING:
	case PHAZE_SERVER_REFUSED:
	case PHAZE_SERVER_ENDED:
		break;
	}
	return PHAZE_STANDING_REFUSED;
}

enum err phaze_handshakes_add(struct phaze_handshakes *handshakes,
							  struct phaze_handshake *handshake) {
	if (handshakes->by_id.count >= PHAZE_HANDSHAKES_MAX)
		return ERR_LIMIT;
	enum err error = key_table_add(&handshakes->by_digest, handshake->digest, handshake);
	if (error)
		return error;
	error = key_table_add(&handshakes->by_id, handshake->id, handshake);
	if (error) {
		key_table_remove(&handshakes->by_digest, handshake->digest);
		return error;
	}
	list_append(&handshakes->items, &handshake->link);
	handshakes->counts[handshake->standing]++;
	phaze_handshakes_update(handshakes, handshake);
	return ERR_OK;
}

void phaze_handshakes_remove(struct phaze_handshakes *handshakes,
							 struct phaze_handshake *handshake) {
	key_table_remove(&handshakes->by_digest, handshake->digest);
	key_table_remove(&handshakes->by_id, handshake->id);
	deadline_remove(&handshakes->deadlines, &handshake->due);
	handshakes->counts[handshake->standing]--;
	list_remove(&handshake->link);
}

void phaze_handshakes_update(struct phaze_handshakes *handshakes,
							 struct phaze_handshake *handshake) {
	handshakes->counts[handshake->standing]--;
	handshake->standing = standing_of(handshake);
	handshakes->counts[handshake->standing]++;
	deadline_set(&handshakes->deadlines, &handshake->due, phaze_server_deadline(handshake->server));
}

struct phaze_handshake *phaze_handshakes_least(const struct phaze_handshakes *handshakes) {
	enum phaze_standing least = PHAZE_STANDING_HEARD;
	while (least < PHAZE_STANDING_WAITING && handshakes->counts[least] == 0)
		least++;
	list_for_each (link, &handshakes->items) {
		struct phaze_handshake *handshake = list_item(link, struct phaze_handshake, link);
		if (handshake->standing == least && least != PHAZE_STANDING_WAITING)
			return handshake;
	}
	return NULL;
}

struct phaze_handshake *phaze_handshakes_due(struct phaze_handshakes *handshakes, uint64_t now) {
	struct deadline *due = deadline_pop_expired(&handshakes->deadlines, now);
	return due ? deadline_owner(due, struct phaze_handshake, due) : NULL;
}

struct phaze_handshake *phaze_handshakes_of_connection(const struct phaze_handshakes *handshakes,
													   uint64_t connection) {
	list_for_each (link, &handshakes->items) {
		struct phaze_handshake *handshake = list_item(link, struct phaze_handshake, link);
		if (handshake->way.connection == connection)
			return handshake;
	}
	return NULL;
}

struct phaze_handshake *phaze_handshakes_of_login(const struct phaze_handshakes *handshakes,
												  uint64_t login) {
	list_for_each (link, &handshakes->items) {
		struct phaze_handshake *handshake = list_item(link, struct phaze_handshake, link);
		if (handshake->login == login)
			return handshake;
	}
	return NULL;
}

struct phaze_handshake *phaze_handshakes_of_session(const struct phaze_handshakes *handshakes,
													uint64_t number) {
	list_for_each (link, &handshakes->items) {
		struct phaze_handshake *handshake = list_item(link, struct phaze_handshake, link);
		if (handshake->number == number)
			return handshake;
	}
	return NULL;
}
