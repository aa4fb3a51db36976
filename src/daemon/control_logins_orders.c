/* Orders to the devices that clients log in to, and their repetition where one was lost. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/csprng.h"
#include "daemon/control_logins_core.h"

/* From an order to its answer. */
struct sent {
	struct control_tunnel *tunnel;
	struct control_logins_owed *owed;
	size_t owed_count;
};

void control_logins_put_end(struct uapi_text *text, const uint8_t key[static TEXT_KEY_SIZE],
							enum control_logins_end code) {
	uapi_put_key(text, "public_key", key);
	uapi_put_line(text, "update_only=true");
	uapi_put_number(text, "end", code);
}

/* What cannot be noted is told once more, when the device or this process begins anew. */
void control_logins_owe(struct control_logins_order *order, const uint8_t key[static TEXT_KEY_SIZE],
						uint64_t epoch) {
	if (order->owed_count == order->owed_capacity) {
		const size_t capacity = order->owed_capacity > 0 ? 2 * order->owed_capacity : 8;
		struct control_logins_owed *owed = reallocarray(order->owed, capacity, sizeof *owed);
		if (!owed)
			return;
		order->owed = owed;
		order->owed_capacity = capacity;
	}
	struct control_logins_owed *new = &order->owed[order->owed_count++];
	memcpy(new->member, key, sizeof new->member);
	new->epoch = epoch;
}

static void order_done(struct control_logins_order *order) {
	uapi_text_done(&order->text);
	free(order->owed);
	order->owed = NULL;
	order->owed_count = order->owed_capacity = 0;
}

/* The device has done it: for this it is not to be asked again. */
static enum err keep(struct store *store, const struct sent *sent) {
	enum err error = store_begin(store);
	if (error)
		return error;
	for (size_t i = 0; i < sent->owed_count && !error; i++) {
		error = store_leases_ended(store, sent->tunnel->name, sent->owed[i].member,
								   sent->owed[i].epoch);
		error = error == ERR_NOT_FOUND ? ERR_OK : error;
	}
	if (!error)
		return store_commit(store);
	store_rollback(store);
	return error;
}

void control_logins_doubt(struct control_tunnel *tunnel) {
	struct control_logins *logins = tunnel->control->logins;
	if (!logins)
		return;
	logins->tunnels[tunnel - tunnel->control->tunnels].is_doubtful = true;
	if (logins->repeat_at == CLOCK_NEVER)
		logins->repeat_at = clock_now() + retry_backoff_next(&logins->repeats, &csprng);
}

/* One that has gone knows nobody any more; when it comes up, all is pushed. */
static void was_done(void *context, int number, const char *text) {
	struct sent *sent = context;
	struct control *control = sent->tunnel->control;
	enum err error = ERR_OK;
	if (number == 0 && control->store && sent->owed_count > 0) {
		control_logins_keep_tickets(control); /* those of before */
		error = keep(control->store, sent);
	}
	if (error)
		log_error("%s: what the device did is not kept: %s", sent->tunnel->name, err_text(error));
	if (number && number != ENODEV)
		control_logins_doubt(sent->tunnel);
	else if (number == 0 && control->logins)
		control->logins->repeats = (struct retry_backoff){0};
	free(sent->owed);
	free(sent);
}

void control_logins_send(struct control_tunnel *tunnel, struct control_logins_order *order) {
	const bool says = order->text.size > 0 || order->text.error;
	if (!says || !control_tunnel_is_up(tunnel) || !tunnel->synced) {
		order_done(order);
		return;
	}
	struct sent *sent = malloc(sizeof *sent);
	if (sent) {
		*sent = (struct sent){tunnel, order->owed, order->owed_count};
		order->owed = NULL;
		control_net_set(tunnel, &order->text, was_done, sent);
	} else {
		control_logins_doubt(tunnel);
	}
	order_done(order);
}

void control_logins_send_all(struct control *control, struct control_logins_orders *orders) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++)
		control_logins_send(&control->tunnels[i], &orders->of[i]);
}

/* What a device knows is asked for, and all of it pushed again, as when it began. */
uint64_t control_logins_repeat(struct control *control, uint64_t now) {
	struct control_logins *logins = control->logins;
	if (now < logins->repeat_at)
		return logins->repeat_at;
	logins->repeat_at = CLOCK_NEVER;
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		const bool is_doubtful = logins->tunnels[i].is_doubtful;
		logins->tunnels[i].is_doubtful = false;
		if (!is_doubtful || !control_logins_is_server(tunnel) || !control_tunnel_is_up(tunnel))
			continue;
		tunnel->synced = false;
		(void)control_net_refresh(tunnel);
	}
	return logins->repeat_at;
}
