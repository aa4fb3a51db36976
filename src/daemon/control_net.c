/* What goes to the net process and comes from it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wipe.h"
#include "daemon/control_core.h"
#include "daemon/control_credentials.h"
#include "daemon/control_decoy.h"
#include "daemon/control_logins.h"
#include "daemon/control_streams.h"
#include "daemon/shared_text.h"

/* A net process that was started again hears of its tunnels one after the other. */
#define REPEAT_INTERVAL (200 * CLOCK_MILLISECOND)

/* One set operation, from its making to its end; of a tunnel one is under way at a time. */
struct set {
	struct list link; /* of those that wait */
	uint64_t order;   /* in which they were made, and are to be done */
	struct control_tunnel *tunnel;
	uint64_t run; /* of the tunnel */
	int descriptor;
	void (*done)(void *context, int number, const char *text);
	void *context;
};

static void end(struct set *set, int number, const char *text) {
	if (number && number != ENODEV)
		log_error("%s: a change of its peers was not taken: %s", set->tunnel->name,
				  text[0] ? text : strerror(number));
	if (set->done)
		set->done(set->context, number, text);
	(void)close(set->descriptor);
	free(set);
}

static bool is_current(const struct set *set) {
	return control_tunnel_is_up(set->tunnel) && set->tunnel->run == set->run;
}

/* Set operations can be repeated: the net process may or may not have done it before it ended. */
static void wait_for_turn(struct set *set) {
	struct control *control = set->tunnel->control;
	if (control->set_count >= CONTROL_SETS_MAX) {
		end(set, EBUSY, "too much waits for the data path to come back");
		return;
	}
	struct list *behind = &control->sets;
	while (behind->previous != &control->sets &&
		   list_item(behind->previous, struct set, link)->order > set->order)
		behind = behind->previous;
	list_append(behind, &set->link);
	control->set_count++;
}

static void send_next(struct control_tunnel *tunnel);

static void set_done(void *context, const struct control_reply *reply) {
	struct set *set = context;
	struct control_tunnel *tunnel = set->tunnel;
	bool is_mine = tunnel->sending == set;
	if (is_mine)
		tunnel->sending = NULL;
	if (!is_current(set)) {
		end(set, ENODEV, "the tunnel is down");
	} else if (reply->number == EPIPE && !tunnel->control->stop) {
		wait_for_turn(set);
	} else if (reply->number == ENODEV && !tunnel->control->stop) {
		/* It is up, so the net process has yet to be told of it. */
		tunnel->repeat_at = clock_now() + REPEAT_INTERVAL;
		wait_for_turn(set);
	} else {
		end(set, reply->number, reply->text);
	}
	if (is_mine)
		send_next(tunnel);
}

/* False: there is nobody to send it to. */
static bool set_send(struct set *set) {
	struct control_tunnel *tunnel = set->tunnel;
	struct process_message message = {.type = PROCESS_SET, .tunnel = tunnel->slot};
	tunnel->sending = set;
	enum err error = control_channel_ask(&tunnel->control->net, &message, set->descriptor,
										 PROCESS_RESULT, set_done, set);
	if (!error)
		return true;
	tunnel->sending = NULL;
	if (error == ERR_CLOSED) {
		wait_for_turn(set);
		return false;
	}
	end(set, error == ERR_LIMIT ? EBUSY : ENOMEM,
		error == ERR_LIMIT ? "too much is waiting to be done" : err_text(error));
	return true;
}

static struct set *take_first(struct control *control, const struct control_tunnel *tunnel) {
	list_for_each (link, &control->sets) {
		struct set *set = list_item(link, struct set, link);
		if (tunnel && set->tunnel != tunnel)
			continue;
		list_remove(&set->link);
		control->set_count--;
		return set;
	}
	return NULL;
}

/* After what waits for its turn comes what came later, whatever becomes of it. */
static void send_next(struct control_tunnel *tunnel) {
	struct control *control = tunnel->control;
	struct set *set;
	bool is_sent = true;
	while (is_sent && !tunnel->sending && clock_now() >= tunnel->repeat_at &&
		   (set = take_first(control, tunnel)) != NULL)
		is_sent = set_send(set);
}

uint64_t control_net_repeat(struct control *control, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		if (!tunnel->config || tunnel->repeat_at == 0)
			continue;
		if (now < tunnel->repeat_at) {
			next = tunnel->repeat_at < next ? tunnel->repeat_at : next;
			continue;
		}
		tunnel->repeat_at = 0;
		send_next(tunnel);
	}
	return next;
}

void control_net_set(struct control_tunnel *tunnel, struct uapi_text *text,
					 void (*done)(void *context, int number, const char *text), void *context) {
	struct set *set = NULL;
	int descriptor = -1;
	enum err error = text->error;
	if (!error)
		error = shared_text_new(slice_of(text->data, text->size), &descriptor);
	if (!error) {
		set = malloc(sizeof *set);
		error = set ? ERR_OK : ERR_NO_MEMORY;
	}
	if (error) {
		if (descriptor >= 0)
			(void)close(descriptor);
		log_error("%s: a change of its peers was not made: %s", tunnel->name, err_text(error));
		if (done)
			done(context, ENOMEM, err_text(error));
		return;
	}
	*set = (struct set){.tunnel = tunnel,
						.order = tunnel->control->sets_ever++,
						.run = tunnel->run,
						.descriptor = descriptor,
						.done = done,
						.context = context};
	list_init(&set->link);
	wait_for_turn(set);
	send_next(tunnel);
}

void control_net_drop(struct control_tunnel *tunnel) {
	tunnel->sending = NULL;
	tunnel->repeat_at = 0;
	list_for_each (link, &tunnel->control->sets) {
		struct set *set = list_item(link, struct set, link);
		if (set->tunnel != tunnel)
			continue;
		list_remove(&set->link);
		tunnel->control->set_count--;
		end(set, ENODEV, "the tunnel is down");
	}
}

/* Figures: */

/* Which run of which tunnel was asked. */
struct question {
	struct control_tunnel *tunnel;
	uint64_t run;
};

static void read_figures(struct control_tunnel *tunnel, const struct control_reply *reply) {
	char *text = NULL;
	size_t size = 0;
	enum err error = ERR_MALFORMED;
	if (reply->descriptor >= 0)
		error = shared_text_read(reply->descriptor, &text, &size);
	if (!error) {
		error = directory_update(tunnel->directory, slice_of(text, size));
		/* The tunnel's keys are in it. */
		wipe(text, size);
		free(text);
	}
	if (error)
		log_error("%s: the figures of its peers: %s", tunnel->name, err_text(error));
}

static void figures_came(void *context, const struct control_reply *reply) {
	struct question question = *(struct question *)context;
	struct control_tunnel *tunnel = question.tunnel;
	free(context);
	if (!control_tunnel_is_up(tunnel) || tunnel->run != question.run)
		return;
	tunnel->asking = false;
	if (reply->number == 0)
		read_figures(tunnel, reply);
	else
		log_debug("%s: no figures of its peers: %s", tunnel->name, reply->text);
	/* A new net process will be asked again. */
	if (!tunnel->synced && reply->number != EPIPE) {
		tunnel->synced = true;
		control_peers_push(tunnel);
		control_decoy_recollect(tunnel);
	}
	control_status_refreshed(tunnel);
}

bool control_net_refresh(struct control_tunnel *tunnel) {
	if (tunnel->asking)
		return true;
	if (!control_tunnel_is_up(tunnel) || tunnel->control->net.descriptor < 0)
		return false;
	struct question *question = malloc(sizeof *question);
	if (!question)
		return false;
	*question = (struct question){.tunnel = tunnel, .run = tunnel->run};
	struct process_message message = {.type = PROCESS_GET, .tunnel = tunnel->slot};
	enum err error = control_channel_ask(&tunnel->control->net, &message, -1, PROCESS_TEXT,
										 figures_came, question);
	if (error)
		free(question);
	tunnel->asking = !error;
	return !error;
}

/* A new net process has the peers of the one before from its journal. */
void control_net_peer(struct control *control, int descriptor) {
	enum err error = control_channel_open(&control->net, descriptor);
	if (error) {
		log_error("channel to the net process: %s", err_text(error));
		return;
	}
	control->net_starts++;
	control_credentials_forgotten(control);
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		if (!control_tunnel_is_up(tunnel))
			continue;
		send_next(tunnel);
		if (tunnel->synced)
			control_decoy_recollect(tunnel);
		else
			(void)control_net_refresh(tunnel);
	}
	control_names_refresh(control);
}

void control_net_done(struct control *control) {
	control_channel_close(&control->net);
	for (struct set *set; (set = take_first(control, NULL)) != NULL;)
		end(set, ENODEV, "umbrad ends");
}

/* Events: */

static struct endpoint endpoint_of(const struct process_message *message) {
	struct endpoint endpoint = {.port = message->event.port, .scope_id = message->event.scope};
	if (message->event.family)
		endpoint.address =
			address_from_bytes((enum address_family)message->event.family, message->event.address);
	return endpoint;
}

static void connected(struct control_tunnel *tunnel, struct directory_peer *peer,
					  const char *where) {
	uint64_t now = clock_now(), last = peer->watched.connected_at;
	control_names_connected(tunnel, peer);
	peer->watched.connected_at = now;
	peer->watched.unanswered = 0;
	peer->watched.unreachable_at = 0;
	/* Keys are renewed all the time; that is no news. */
	if (last == 0 || now - last > peer->lifetime * CLOCK_SECOND)
		control_api_publish(tunnel->control, "peer.connected", tunnel->name, peer->name,
							"%s is connected from %s", peer->name, where);
}

static void unanswered(struct control_tunnel *tunnel, struct directory_peer *peer, uint32_t count) {
	control_names_unanswered(tunnel, peer, count);
	if (peer->watched.unanswered == 0)
		peer->watched.silent_since = clock_now();
	peer->watched.unanswered = count;
	/* The first, the second, the fourth, the eighth... */
	if (count > 0 && (count & (count - 1)) == 0)
		control_api_publish(tunnel->control, "peer.unanswered", tunnel->name, peer->name,
							tunnel->config->carries_streams ? "%s: %u attempt%s to connect failed"
															: "%s has not answered %u handshake%s",
							peer->name, count, count == 1 ? "" : "s");
}

static void cannot_reach(struct control_tunnel *tunnel, struct directory_peer *peer,
						 const char *where) {
	uint64_t now = clock_now(), before = peer->watched.unreachable_at;
	control_names_unreachable(tunnel, peer);
	peer->watched.unreachable_at = now;
	if (before == 0)
		control_api_publish(tunnel->control, "peer.unreachable", tunnel->name, peer->name,
							"no route to %s, where %s is", where, peer->name);
}

void control_net_event(void *context, struct channel_message *message) {
	struct control *control = context;
	const struct process_message *body = &message->message;
	if (body->type == PROCESS_RESOLVE)
		control_streams_resolve(control, body);
	if (body->type == PROCESS_STRANGER)
		control_decoy_stranger(control, message);
	control_logins_hear(control, message);
	if (body->type != PROCESS_EVENT)
		return;
	struct control_tunnel *tunnel = control_tunnel_of_slot(control, body->tunnel);
	struct directory_peer *peer =
		tunnel ? directory_find_key(tunnel->directory, body->event.public_key) : NULL;
	if (!peer)
		return;
	struct endpoint endpoint = endpoint_of(body);
	char where[ENDPOINT_TEXT_SIZE] = "an unknown address";
	if (endpoint.address.family) {
		endpoint_format(&endpoint, where);
		peer->watched.from = endpoint;
	}
	switch ((enum process_event)body->event.kind) {
	case PROCESS_EVENT_CONNECTED:
		control_endpoints_seen(tunnel, peer->public_key, &endpoint);
		connected(tunnel, peer, where);
		control_credentials_event(tunnel, body);
		control_logins_began(tunnel, peer);
		break;
	case PROCESS_EVENT_MOVED:
		control_endpoints_seen(tunnel, peer->public_key, &endpoint);
		control_api_publish(control, "peer.moved", tunnel->name, peer->name, "%s is at %s now",
							peer->name, where);
		break;
	case PROCESS_EVENT_UNANSWERED:
		unanswered(tunnel, peer, body->event.count);
		control_credentials_unanswered(tunnel);
		break;
	case PROCESS_EVENT_UNREACHABLE:
		cannot_reach(tunnel, peer, where);
		control_credentials_stuck(tunnel);
		break;
	case PROCESS_EVENT_ENDED:
		control_logins_ended(tunnel, peer, body->event.count);
		break;
	case PROCESS_EVENT_REFUSED:
		control_api_publish(control, "peer.refused", tunnel->name, peer->name,
							body->event.count ? "%s refused the login: %s"
											  : "this end does not log in to %s: %s",
							peer->name, body->event.text);
		control_credentials_event(tunnel, body);
		break;
	}
	control_condition_changed(tunnel);
}
