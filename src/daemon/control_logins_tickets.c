/*
 * Tickets on their way into the store. A transaction is a write to the disk: of a crowd that comes
 * back all tickets that came together are in one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control_logins_core.h"

struct kept {
	struct list link;
	bool is_server; /* the tunnel */
	char tunnel[PROCESS_NAME_SIZE];
	struct process_ticket told;
};

void control_logins_ticket(struct control *control, const struct process_message *message) {
	const struct control_tunnel *tunnel = control_tunnel_of_slot(control, message->tunnel);
	struct control_logins *logins = control->logins;
	if (!tunnel || !tunnel->config->logs_in || !control->store || !logins ||
		!directory_find_key(tunnel->directory, message->ticket.public_key))
		return;
	struct kept *kept = malloc(sizeof *kept);
	if (!kept) {
		log_limited(&logins->unkept, LOG_ERROR, "%s: a ticket was not kept: %s", tunnel->name,
					err_text(ERR_NO_MEMORY));
		return;
	}
	*kept = (struct kept){
		.is_server = control_logins_is_server(tunnel),
		.told = message->ticket,
	};
	(void)snprintf(kept->tunnel, sizeof kept->tunnel, "%s", tunnel->name);
	list_append(&logins->tickets, &kept->link);
}

static enum err put(struct store *store, const struct kept *kept) {
	const struct process_ticket *told = &kept->told;
	struct store_ticket ticket = {.size = told->size, .until = told->until};
	if (told->size == 0)
		return store_tickets_remove(store, kept->tunnel, told->public_key);
	memcpy(ticket.member, told->public_key, sizeof ticket.member);
	memcpy(ticket.hash, told->hash, sizeof ticket.hash);
	memcpy(ticket.sealed, told->sealed, told->size);
	return kept->is_server ? store_tickets_put_member(store, kept->tunnel, &ticket)
						   : store_tickets_put_server(store, kept->tunnel, &ticket);
}

/* Those of whom one is wrong are not kept alone. */
static enum err put_all(struct control *control) {
	list_for_each (link, &control->logins->tickets) {
		enum err error = put(control->store, list_item(link, struct kept, link));
		/* The lease may have gone while the message was under way. */
		if (error && error != ERR_NOT_FOUND)
			return error;
	}
	return ERR_OK;
}

void control_logins_keep_tickets(struct control *control) {
	struct control_logins *logins = control->logins;
	if (!logins || list_is_empty(&logins->tickets))
		return;
	enum err error = control->store ? store_begin(control->store) : ERR_CLOSED;
	if (!error) {
		error = put_all(control);
		if (error)
			store_rollback(control->store);
		else
			error = store_commit(control->store);
	}
	if (error)
		log_limited(&logins->unkept, LOG_ERROR, "tickets were not kept: %s", err_text(error));
	list_for_each (link, &logins->tickets) {
		struct kept *kept = list_item(link, struct kept, link);
		list_remove(&kept->link);
		free(kept);
	}
}
