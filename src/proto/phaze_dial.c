#include "proto/phaze_dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/processor.h"
#include "handshake/phaze_client.h"
#include "proto/phaze_connections.h"
#include "proto/phaze_credentials.h"
#include "proto/phaze_ids.h"
#include "proto/phaze_refusal.h"
#include "proto/phaze_sessions.h"
#include "proto/phaze_tickets.h"
#include "session/retry_backoff.h"

/* Where there are others, an endpoint has so long for its first answer. */
#define TURN (4 * CLOCK_SECOND)
/* Shorter sessions end for a reason that may last: the next attempt waits. */
#define SHORT_SESSION (10 * CLOCK_SECOND)
/* Longer than anybody waits for what becomes of a login. */
#define TRIAL_TIME (30 * CLOCK_SECOND)

struct phaze_dial {
	struct phaze_credentials credentials;

	/* The handshake that is under way. */
	struct phaze_client *client; /* NULL: there is none */
	struct phaze_trust *trust;
	struct phaze_way way;
	uint64_t give_way; /* ns: to the next endpoint, unless something came; CLOCK_NEVER */
	bool shows_ticket;
	struct phaze_pass pass; /* that of the ticket; then what came of it */

	uint64_t number;       /* of the session that came of one; 0: there is none */
	uint64_t connected_at; /* ns */
	struct endpoint connected_to;
	bool by_tcp;    /* the last session had a connection */
	bool is_moving; /* while the session lasts, to another that is wanted in its place */

	bool over_tcp;     /* where both are allowed: UDP stayed without an answer */
	size_t at;         /* the endpoint that is tried */
	size_t tried;      /* of this round */
	uint32_t in_a_row; /* attempts that nobody answered */
	struct retry_backoff backoff;
	uint64_t next; /* ns; CLOCK_NEVER: not before something changes */
	struct phaze_refusal refusal;
};

enum err phaze_dial_new(struct phaze_dial **out_dial) {
	struct phaze_dial *dial = calloc(1, sizeof *dial);
	if (!dial)
		return ERR_NO_MEMORY;
	dial->next = CLOCK_NEVER;
	*out_dial = dial;
	return ERR_OK;
}

static void forget_handshake(struct phaze_dial *dial) {
	phaze_client_free(dial->client);
	phaze_trust_release(dial->trust);
	dial->client = NULL;
	dial->trust = NULL;
	wipe(&dial->pass, sizeof dial->pass);
}

static void hang_up(struct device *device) {
	struct phaze_dial *dial = device->dial;
	forget_handshake(dial);
	phaze_connections_close(device, dial->way.connection);
	dial->way.connection = 0;
}

void phaze_dial_free(struct phaze_dial *dial) {
	if (!dial)
		return;
	forget_handshake(dial);
	wipe(dial, sizeof *dial);
	free(dial);
}

void phaze_dial_set_password(struct device *device, const struct uapi_password *password) {
	phaze_credentials_keep(&device->dial->credentials, password);
}

const struct uapi_password *phaze_dial_password(const struct device *device) {
	const struct phaze_credentials *credentials = &device->dial->credentials;
	return credentials->has_password ? &credentials->password : NULL;
}

const char *phaze_dial_refused(const struct device *device) {
	const struct phaze_refusal *refusal = &device->dial->refusal;
	return refusal->is_there ? refusal->text : NULL;
}

/* Whether there is somebody to dial, and something to show. */
static bool can_dial(const struct device *device) {
	const struct phaze_credentials *credentials = &device->dial->credentials;
	const struct phaze_member *server = phaze_control_only(device);
	return device->settings.role == PHAZE_CLIENT && device_sockets_are_up(&device->sockets) &&
		   server && server->profile.endpoint_count > 0 &&
		   (phaze_credentials_any(device, credentials) ||
			phaze_credentials_ticket(device, credentials, server));
}

/* Whether the session is with an end that is not configured any more. */
static bool is_elsewhere(const struct device *device) {
	const struct phaze_member *server = phaze_control_only(device);
	const struct phaze_profile *profile = &server->profile;
	for (size_t i = 0; i < profile->endpoint_count; i++)
		if (endpoint_equal(&profile->endpoints[i], &device->dial->connected_to))
			return false;
	return true;
}

void phaze_dial_changed(struct device *device) {
	struct phaze_dial *dial = device->dial;
	if (device->settings.role != PHAZE_CLIENT)
		return;
	hang_up(device);
	dial->over_tcp = false;
	dial->credentials.is_withheld = false;
	dial->credentials.turn = 0;
	dial->backoff = (struct retry_backoff){0};
	dial->at = dial->tried = 0;
	dial->in_a_row = 0;
	const bool can = can_dial(device);
	dial->is_moving =
		can && dial->number != 0 &&
		(dial->credentials.trial.is_there || dial->credentials.is_untried || is_elsewhere(device));
	dial->next = can && (dial->number == 0 || dial->is_moving) ? 0 : CLOCK_NEVER;
}

bool phaze_dial_can_log_in(const struct device *device, bool has_name, bool has_password) {
	const struct phaze_dial *dial = device->dial;
	const struct phaze_member *server = phaze_control_only(device);
	return has_password || dial->credentials.has_password ||
		   phaze_trust_identity(device->trust)->chain.count > 0 ||
		   (!has_name && (dial->number != 0 || phaze_tickets_nth(device, server, 0)));
}

void phaze_dial_log_in(struct device *device, const char *name,
					   const struct uapi_password *password) {
	struct phaze_dial *dial = device->dial;
	/* By what is known, unless that is under way. */
	if (!name && !password) {
		if (dial->number == 0 && !dial->client)
			phaze_dial_changed(device);
		return;
	}
	phaze_credentials_try(&dial->credentials, phaze_control_only(device), name, password,
						  phaze_control_now(device) + TRIAL_TIME);
	hang_up(device);
	dial->backoff = (struct retry_backoff){0};
	dial->tried = 0;
	dial->is_moving = dial->number != 0;
	dial->next = can_dial(device) ? 0 : CLOCK_NEVER;
}

void phaze_dial_offered(struct device *device) {
	const struct phaze_client *client = device->dial->client;
	if (!client || phaze_client_state(client) == PHAZE_CLIENT_GREETING)
		phaze_dial_changed(device);
}

void phaze_dial_stop(struct device *device) {
	hang_up(device);
	device->dial->next = CLOCK_NEVER;
	device->dial->is_moving = false;
}

void phaze_dial_forget(struct device *device) {
	phaze_dial_stop(device);
	device->dial->number = 0;
	device->dial->refusal = (struct phaze_refusal){.is_there = false};
	wipe(&device->dial->credentials, sizeof device->dial->credentials);
}

static void wait(const struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	dial->tried = 0;
	dial->next =
		now + retry_backoff_next(&dial->backoff, engine_get_options(device->engine)->random);
}

/* The next endpoint at once, or after waiting where this was the last of the round. */
static void try_next(const struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	const struct phaze_member *server = phaze_control_only(device);
	const size_t count = server->profile.endpoint_count;
	dial->at = (dial->at + 1) % count;
	dial->credentials.turn = 0;
	dial->next = now;
	if (++dial->tried >= count)
		wait(device, now);
}

static void send_all(const struct device *device) {
	struct phaze_dial *dial = device->dial;
	struct slice packet;
	while (phaze_client_send(dial->client, &packet))
		/* What cannot be sent is found by the silence that follows. */
		if (dial->way.connection != 0)
			(void)!phaze_connections_send(device, &dial->way, packet);
		else
			(void)phaze_command_send(device->engine, device->interface, &dial->way, packet.data,
									 packet.size);
}

static bool goes_over_tcp(const struct device *device) {
	return device->settings.transports == PHAZE_OVER_TCP ||
		   ((device->settings.transports & PHAZE_OVER_TCP) && device->dial->over_tcp);
}

/* The way to the next endpoint. */
static enum err find_way(const struct device *device, const struct phaze_member *server) {
	struct phaze_dial *dial = device->dial;
	const struct device_host *host = device->host;
	dial->way = (struct phaze_way){.shard = server->shared.peer.owner,
								   .to = server->profile.endpoints[dial->at]};
	if (!goes_over_tcp(device))
		return ERR_OK;
	return host->connect ? host->connect(host->context, &dial->way.to, &dial->way.connection)
						 : ERR_UNSUPPORTED;
}

static void show(const struct device *device, const struct phaze_member *server,
				 struct phaze_client_options *options) {
	struct phaze_dial *dial = device->dial;
	phaze_credentials_show(device, &dial->credentials, server, options);
	dial->shows_ticket = options->ticket != NULL;
	dial->pass = server->pass;
	if (options->ticket == &server->pass.next)
		phaze_pass_take_next(&dial->pass);
}

/* Whether it is worth while to wait less: where UDP had no answer before, TCP is another way. */
static bool has_others(const struct device *device) {
	const struct phaze_dial *dial = device->dial;
	return phaze_control_only(device)->profile.endpoint_count > 1 ||
		   (dial->by_tcp && dial->way.connection == 0 &&
			(device->settings.transports & PHAZE_OVER_TCP));
}

static void begin(struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	const struct phaze_settings *settings = &device->settings;
	const struct random_source *random = engine_get_options(device->engine)->random;
	const struct phaze_member *server = phaze_control_only(device);
	const struct phaze_profile *profile = &server->profile;
	struct phaze_client_options options = {
		.session_id = phaze_ids_draw(random, server->shared.peer.owner),
		.reliable = goes_over_tcp(device),
		.aes = processor_has_aes(),
		.ciphers = settings->ciphers,
		.cipher_count = settings->cipher_count,
		.identity = phaze_trust_identity(device->trust),
		.random = random,
	};
	dial->at %= profile->endpoint_count;
	if (find_way(device, server)) {
		wait(device, now);
		return;
	}
	show(device, server, &options);
	if (phaze_client_new(&options, now, &dial->client)) {
		device->host->warn(device->host->context, "cannot begin a login: out of memory, or "
												  "certificates and names are too long");
		hang_up(device);
		wait(device, now);
		return;
	}
	dial->trust = phaze_trust_hold(device->trust);
	dial->give_way = has_others(device) ? now + TURN : CLOCK_NEVER;
	dial->next = CLOCK_NEVER;
	send_all(device);
}

void phaze_dial_distrust(struct device *device, enum chain_fault fault) {
	phaze_refusal_distrust(device, &device->dial->refusal, fault);
}

static void tell_unanswered(struct device *device) {
	struct phaze_dial *dial = device->dial;
	struct device_event event = {
		.kind = DEVICE_EVENT_UNANSWERED,
		.endpoint = dial->way.to,
		.count = ++dial->in_a_row,
	};
	memcpy(event.public_key, phaze_control_only(device)->shared.identity, sizeof event.public_key);
	if (device->host->event)
		device->host->event(device->host->context, &event);
}

/* Nobody answers: by the other transport, where that is allowed, or at the next endpoint. */
static void silent(struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	const bool may_change = device->settings.transports == (PHAZE_OVER_UDP | PHAZE_OVER_TCP);
	hang_up(device);
	tell_unanswered(device);
	dial->over_tcp = may_change && !dial->over_tcp;
	if (dial->over_tcp)
		dial->next = now;
	else
		try_next(device, now);
}

/* The server knows another one, or none: where nothing else may be shown it was refused before. */
static void not_taken(struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	hang_up(device);
	dial->credentials.turn++;
	if (can_dial(device)) {
		dial->next = now;
		return;
	}
	dial->is_moving = false;
	if (!dial->refusal.is_there)
		phaze_refusal_tell_again(device, &dial->refusal);
}

/* What there is stays: the session; and tickets, of which one may be good. */
static void give_up(struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	dial->is_moving = false;
	phaze_credentials_withhold(&dial->credentials);
	phaze_control_only(device)->logs_in = false;
	if (dial->number != 0 || dial->shows_ticket)
		return;
	dial->credentials.turn = 0;
	if (can_dial(device))
		dial->next = now;
}

/* The server has a client's session as one of its user's devices, and may have no other place. */
static void stand_aside(struct device *device) {
	struct phaze_member *server = phaze_control_only(device);
	device->dial->credentials.trial.stands_alone = true;
	phaze_sessions_close(device, server, PHAZE_CLOSE_DONE);
	/* Before what is sent next; without memory it is behind it. */
	(void)!phaze_control_commit(device);
}

/* What was there before a trial is gone back to, if there was anything. */
static void try_no_more(struct device *device, uint64_t now, enum phaze_end end) {
	struct phaze_dial *dial = device->dial;
	struct phaze_credentials *credentials = &dial->credentials;
	struct phaze_member *server = phaze_control_only(device);
	const bool is_alone =
		dial->number == 0 && !phaze_credentials_any_kept(device, credentials, server);
	const bool waits =
		end == PHAZE_END_BUSY && (dial->number != 0 || now < credentials->trial.until);
	if (waits || (is_alone && phaze_refusal_is_passing(end))) {
		if (!waits)
			phaze_credentials_adopt(device, credentials, server);
		try_next(device, now);
		return;
	}
	phaze_credentials_drop(credentials);
	dial->is_moving = false;
	credentials->turn = 0;
	if (dial->number == 0 && can_dial(device))
		dial->next = now;
}

static void refused(struct device *device, uint64_t now, enum phaze_end end) {
	struct phaze_dial *dial = device->dial;
	const struct phaze_trial *trial = &dial->credentials.trial;
	char reason[PHAZE_REFUSAL_TEXT_SIZE];
	if (end == PHAZE_END_DEVICES && trial->is_there && dial->number != 0 && !trial->stands_alone) {
		hang_up(device);
		stand_aside(device);
		dial->next = now;
		return;
	}
	(void)snprintf(reason, sizeof reason, "%s", phaze_client_end_text(end));
	if (end == PHAZE_END_UNTRUSTED)
		phaze_trust_explain(phaze_trust_fault(dial->trust), device->settings.server_name, reason);
	hang_up(device);
	phaze_refusal_tell(device, &dial->refusal, end, reason);
	if (trial->is_there)
		try_no_more(device, now, end);
	else if (phaze_refusal_is_passing(end))
		try_next(device, now);
	else
		give_up(device, now);
}

static void over(struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	const enum phaze_end end = phaze_client_end(dial->client, NULL);
	if (end == PHAZE_END_SILENCE)
		silent(device, now);
	else if (end == PHAZE_END_TICKET)
		not_taken(device, now);
	else
		refused(device, now, end);
}

/* Another user's session the server has still; and what ticket there is, is worth nothing now. */
static void accept_trial(struct device *device) {
	struct phaze_dial *dial = device->dial;
	struct phaze_credentials *credentials = &dial->credentials;
	struct phaze_member *server = phaze_control_only(device);
	if (!credentials->trial.is_there)
		return;
	if (dial->number != 0 && strcmp(credentials->trial.name, server->profile.name) != 0)
		stand_aside(device);
	phaze_credentials_adopt(device, credentials, server);
	phaze_tickets_set(device, server, NULL);
}

static void established(struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	struct phaze_member *server = phaze_control_only(device);
	const struct phaze_established *made = phaze_client_established(dial->client);
	const struct parameters *told = phaze_client_parameters(dial->client);
	const uint8_t *used = dial->pass.ticket.id;
	const bool has_ticket = phaze_tickets_brought(device, phaze_trust_mark(dial->trust), made,
												  told->ticket_lifetime, &dial->pass);
	struct phaze_offer offer = {
		.member = server,
		.established = made,
		.way = &dial->way,
		.tells = told,
		.used = made->resumed ? used : NULL,
		.has_ticket = has_ticket,
		.pass = &dial->pass,
	};
	enum err error = ERR_OK;
	accept_trial(device);
	if (dial->way.connection != 0)
		error = phaze_connections_hand_over(device, &dial->way, &offer.link);
	if (!error) {
		dial->way.connection = 0;
		error = phaze_sessions_offer(device, &offer, &dial->number);
	}
	if (error) {
		dial->number = 0;
		hang_up(device);
		wait(device, now);
		return;
	}
	dial->refusal.is_there = false;
	phaze_credentials_accepted(&dial->credentials, made->resumed);
	dial->in_a_row = 0;
	dial->tried = 0;
	dial->connected_at = now;
	dial->connected_to = dial->way.to;
	dial->by_tcp = offer.link != NULL;
	dial->is_moving = false;
	if (device->host->settings)
		device->host->settings(device->host->context, server->shared.identity, &told->interface);
	hang_up(device);
}

/* After whatever happened to it. */
static void settle(struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	const struct phaze_trial *trial = &dial->credentials.trial;
	const enum phaze_client_state state = phaze_client_state(dial->client);
	/* By another connection nobody could know that it is the same device. */
	if (state == PHAZE_CLIENT_SHOWING && dial->way.connection != 0 && trial->is_there &&
		dial->number != 0 && !trial->stands_alone)
		stand_aside(device);
	send_all(device);
	switch (state) {
	case PHAZE_CLIENT_GREETING:
		return;
	case PHAZE_CLIENT_SHOWING:
		dial->give_way = CLOCK_NEVER;
		return;
	case PHAZE_CLIENT_ESTABLISHED:
		established(device, now);
		return;
	case PHAZE_CLIENT_ENDED:
		over(device, now);
		return;
	}
}

void phaze_dial_receive(struct device *device, uint64_t now,
						const struct phaze_news_datagram *datagram) {
	struct phaze_dial *dial = device->dial;
	if (!dial->client || datagram->way.connection != dial->way.connection ||
		!endpoint_equal(&datagram->way.to, &dial->way.to))
		return;
	enum err error = phaze_client_receive(dial->client, now, datagram->data, datagram->size);
	if (error == ERR_OK || error == ERR_AGAIN)
		dial->way.from = datagram->way.from;
	settle(device, now);
}

void phaze_dial_left(struct device *device, uint64_t connection) {
	const struct phaze_dial *dial = device->dial;
	if (dial->client && connection != 0 && dial->way.connection == connection)
		silent(device, phaze_control_now(device));
}

void phaze_dial_connected(struct device *device, uint64_t number) {
	struct phaze_dial *dial = device->dial;
	/* What was said since it was accepted is tried all the same. */
	if (dial->number != number || dial->is_moving)
		return;
	dial->next = CLOCK_NEVER;
	phaze_control_only(device)->logs_in = false;
}

/* Another server may be tried at once; who was refused in the end is told why by a login. */
void phaze_dial_ended(struct device *device, const struct phaze_news_session *news) {
	struct phaze_dial *dial = device->dial;
	const uint64_t now = phaze_control_now(device);
	if (dial->number == 0 || dial->number != news->number)
		return;
	dial->number = 0;
	dial->credentials.turn = 0;
	if (!can_dial(device) || dial->is_moving)
		return;
	const bool was_short = !news->was_heard || now - dial->connected_at < SHORT_SESSION;
	if (!was_short)
		dial->backoff = (struct retry_backoff){0};
	if (news->by_peer && news->code == PHAZE_CLOSE_GOING_AWAY)
		try_next(device, now);
	else if (was_short || (news->by_peer && news->code == PHAZE_CLOSE_REPLACED))
		wait(device, now);
	else
		dial->next = now;
}

static void expire(struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	if (dial->give_way <= now && phaze_client_state(dial->client) == PHAZE_CLIENT_GREETING) {
		silent(device, now);
	} else if (phaze_client_deadline(dial->client) <= now) {
		phaze_client_expire(dial->client, now);
		settle(device, now);
	}
}

uint64_t phaze_dial_run(struct device *device, uint64_t now) {
	struct phaze_dial *dial = device->dial;
	phaze_refusal_tell_late(device, &dial->refusal);
	if (dial->client)
		expire(device, now);
	if (!dial->client && dial->next <= now) {
		dial->next = CLOCK_NEVER;
		if ((dial->number == 0 || dial->is_moving) && can_dial(device))
			begin(device, now);
	}
	uint64_t next = dial->next;
	if (dial->client) {
		const uint64_t deadline = phaze_client_deadline(dial->client);
		next = deadline < next ? deadline : next;
		next = dial->give_way < next ? dial->give_way : next;
	}
	return next;
}
