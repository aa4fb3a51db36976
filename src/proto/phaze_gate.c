#include "proto/phaze_gate.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/processor.h"
#include "proto/phaze_connections.h"
#include "proto/phaze_handshakes.h"
#include "proto/phaze_ids.h"
#include "proto/phaze_sessions.h"
#include "proto/phaze_tickets.h"
#include "session/rate_limiter.h"
#include "session/source_cookie.h"
#include "wire/cursor.h"

/* A judge who could not take a login is not asked more of for so long. */
#define JUDGE_REST (2 * CLOCK_SECOND)

struct phaze_gate {
	struct phaze_handshakes handshakes;
	struct source_cookie cookies;
	struct rate_limiter *limiter;
	struct shuffled_count drawn; /* session ids */
	uint64_t last_login;
	uint64_t judge_rests; /* ns: until then he counts as loaded */
};

enum err phaze_gate_new(struct device *device, struct phaze_gate **out_gate) {
	const struct random_source *random = engine_get_options(device->engine)->random;
	struct phaze_gate *gate = calloc(1, sizeof *gate);
	if (!gate)
		return ERR_NO_MEMORY;
	enum err error = phaze_handshakes_init(&gate->handshakes, random)
						 ?: rate_limiter_new(random, &gate->limiter);
	if (error) {
		phaze_handshakes_done(&gate->handshakes);
		free(gate);
		return error;
	}
	source_cookie_init(&gate->cookies);
	phaze_ids_begin(&gate->drawn, random);
	*out_gate = gate;
	return ERR_OK;
}

static void free_handshake(struct phaze_handshake *handshake) {
	phaze_server_free(handshake->server);
	phaze_trust_release(handshake->trust);
	wipe(handshake, sizeof *handshake);
	free(handshake);
}

static void remove_handshake(struct phaze_handshake *handshake) {
	struct device *device = handshake->device;
	if (handshake->login != 0 && device->host->abandon)
		device->host->abandon(device->host->context, handshake->login);
	phaze_connections_close(device, handshake->way.connection);
	phaze_handshakes_remove(&device->gate->handshakes, handshake);
	free_handshake(handshake);
}

void phaze_gate_close(struct device *device) {
	list_for_each (link, &device->gate->handshakes.items)
		remove_handshake(list_item(link, struct phaze_handshake, link));
}

void phaze_gate_free(struct phaze_gate *gate) {
	if (!gate)
		return;
	list_for_each (link, &gate->handshakes.items)
		remove_handshake(list_item(link, struct phaze_handshake, link));
	phaze_handshakes_done(&gate->handshakes);
	source_cookie_done(&gate->cookies);
	rate_limiter_free(gate->limiter);
	free(gate);
}

size_t phaze_gate_count(const struct device *device, size_t *out_half_open) {
	*out_half_open = device->gate->handshakes.counts[PHAZE_STANDING_HALF_OPEN];
	return device->gate->handshakes.by_id.count;
}

/* What it asks */

static enum err make_cookie(void *context, uint64_t now, const struct endpoint *from,
							struct slice content, uint8_t out_cookie[static PHAZE_COOKIE_SIZE]) {
	const struct phaze_handshake *handshake = context;
	const struct device *device = handshake->device;
	return source_cookie_make(&device->gate->cookies, engine_get_options(device->engine)->random,
							  now, from, content, out_cookie);
}

/* Who shows that he is there may nevertheless not begin too often. */
static bool check_cookie(void *context, uint64_t now, const struct endpoint *from,
						 struct slice content, const uint8_t cookie[static PHAZE_COOKIE_SIZE]) {
	const struct phaze_handshake *handshake = context;
	const struct phaze_gate *gate = handshake->device->gate;
	return source_cookie_check(&gate->cookies, now, from, content, cookie) &&
		   (!handshake->loaded || rate_limiter_allow(gate->limiter, &from->address, now));
}

static bool find_ticket(void *context, const uint8_t id[static PHAZE_TICKET_ID_SIZE],
						uint8_t out_psk[static PHAZE_SECRET_SIZE]) {
	struct phaze_handshake *handshake = context;
	handshake->member = phaze_tickets_find(handshake->device, id);
	if (!handshake->member)
		return false;
	memcpy(out_psk, handshake->member->pass.ticket.psk, PHAZE_SECRET_SIZE);
	return true;
}

static enum err tell_member(struct phaze_handshake *handshake, struct parameters *out_parameters) {
	return phaze_tickets_give(handshake->device, handshake->member, &handshake->pass,
							  &handshake->has_ticket, out_parameters);
}

static bool resume(void *context, const uint8_t id[static PHAZE_TICKET_ID_SIZE],
				   struct parameters *out_parameters) {
	struct phaze_handshake *handshake = context;
	(void)id;
	handshake->pass = handshake->member->pass;
	handshake->is_early = phaze_control_now(handshake->device) < handshake->member->resumes_at;
	return tell_member(handshake, out_parameters) == ERR_OK;
}

static void refuse(struct phaze_handshake *handshake, uint64_t now, enum phaze_reject reason) {
	const struct phaze_verdict verdict = {.reject = reason};
	(void)phaze_server_verdict(handshake->server, now, &verdict);
}

static void check(void *context, struct phaze_server *server, const struct phaze_login *login) {
	struct phaze_handshake *handshake = context;
	struct device *device = handshake->device;
	struct phaze_gate *gate = device->gate;
	const uint64_t now = phaze_control_now(device);
	const struct device_login question = {
		.id = ++gate->last_login,
		.from = handshake->way.to,
		.user = login->user,
		.password = login->password,
		.by_certificate = login->by_certificate,
		.stream = handshake->way.connection != 0,
	};
	(void)server;
	handshake->pass = (struct phaze_pass){.by_password = login->password.size > 0,
										  .by_certificate = login->by_certificate};
	if (login->by_certificate)
		handshake->pass.mark = *phaze_trust_mark(handshake->trust);
	handshake->login = question.id;
	if (device->host->login && device->host->login(device->host->context, &question) == ERR_OK)
		return;
	handshake->login = 0;
	gate->judge_rests = now + JUDGE_REST;
	refuse(handshake, now, PHAZE_REJECT_BUSY);
}

static const struct phaze_server_ops server_ops = {
	.find_ticket = find_ticket,
	.resume = resume,
	.check = check,
	.make_cookie = make_cookie,
	.check_cookie = check_cookie,
};

/* What comes of it */

static void put_id(uint32_t id, uint8_t out_bytes[static PHAZE_HANDSHAKES_ID_SIZE]) {
	struct writer writer = writer_of(out_bytes, PHAZE_HANDSHAKES_ID_SIZE);
	writer_u32_be(&writer, id);
}

/* Where a connection goes to its session it is the handshake's no more. */
static enum err bring_session(struct phaze_handshake *handshake) {
	const struct phaze_established *established = phaze_server_established(handshake->server);
	const struct parameters tells = {.interface = {.mtu = 0}};
	if (!established || handshake->number != 0)
		return ERR_OK;
	if (!handshake->member)
		return ERR_NOT_FOUND;
	if (established->has_ticket)
		handshake->pass.ticket = established->ticket;
	struct phaze_offer offer = {
		.member = handshake->member,
		.established = established,
		.way = &handshake->way,
		.tells = &tells,
		.used = phaze_server_used_ticket(handshake->server),
		.has_ticket = established->has_ticket,
		.pass = &handshake->pass,
	};
	if (handshake->way.connection != 0) {
		enum err error =
			phaze_connections_hand_over(handshake->device, &handshake->way, &offer.link);
		if (error)
			return error;
		handshake->way.connection = 0;
	}
	return phaze_sessions_offer(handshake->device, &offer, &handshake->number);
}

static enum err send_packets(struct phaze_handshake *handshake) {
	const struct device *device = handshake->device;
	enum err error = ERR_OK;
	struct slice packet;
	while (!error && phaze_server_send(handshake->server, &packet))
		if (handshake->way.connection != 0)
			error = phaze_connections_send(device, &handshake->way, packet);
		else
			(void)phaze_command_send(device->engine, device->interface, &handshake->way,
									 packet.data, packet.size);
	return error;
}

/*
 * A session comes before the packet that tells the client, whose own may follow at once. By a
 * connection they wait until the session has it, as does what the session sends.
 */
static enum err go_on(struct phaze_handshake *handshake) {
	const bool by_connection = handshake->way.connection != 0;
	enum err error = by_connection ? send_packets(handshake) : bring_session(handshake);
	if (!error)
		error = by_connection ? bring_session(handshake) : send_packets(handshake);
	if (!error && by_connection && handshake->way.connection == 0)
		error = ERR_CLOSED; /* all is said */
	return error;
}

/* After whatever happened to it: brings its session, sends its packets; or it is gone. */
static void settle(struct phaze_handshake *handshake) {
	if (go_on(handshake)) {
		remove_handshake(handshake);
		return;
	}
	phaze_handshakes_update(&handshake->device->gate->handshakes, handshake);
	if (phaze_server_state(handshake->server) == PHAZE_SERVER_ENDED)
		remove_handshake(handshake);
}

/* Coming in */

/* Who is refused without a judge costs as much as who shows nothing. */
static bool is_loaded(const struct phaze_gate *gate, uint64_t now) {
	const size_t *counts = gate->handshakes.counts;
	return counts[PHAZE_STANDING_HALF_OPEN] + counts[PHAZE_STANDING_REFUSED] >
			   PHAZE_GATE_HALF_OPEN_MAX ||
		   now < gate->judge_rests;
}

/* Of the shard that the packet came to, where it will go on. */
static uint32_t draw_id(const struct device *device, uint16_t shard,
						uint8_t out_bytes[static PHAZE_HANDSHAKES_ID_SIZE]) {
	const uint32_t id = phaze_ids_next(&device->gate->drawn, shard);
	put_id(id, out_bytes);
	return id;
}

static bool make_room(struct phaze_gate *gate) {
	if (gate->handshakes.by_id.count < PHAZE_HANDSHAKES_MAX)
		return true;
	struct phaze_handshake *least = phaze_handshakes_least(&gate->handshakes);
	if (least)
		remove_handshake(least);
	return least != NULL;
}

static void send_retry(const struct device *device, const struct phaze_way *way,
					   const uint8_t retry[static PHAZE_RETRY_SIZE]) {
	(void)phaze_command_send(device->engine, device->interface, way, retry, PHAZE_RETRY_SIZE);
}

/*
 * Who comes by a connection has shown where he is, and pays for no cookie. That he closes it right
 * away and comes again makes no load that could be seen, so he never begins too often.
 */
static bool may_begin(const struct phaze_handshake *handshake, uint64_t now) {
	const struct phaze_way *way = &handshake->way;
	return way->connection == 0 ||
		   rate_limiter_allow(handshake->device->gate->limiter, &way->to.address, now);
}

/*
 * Where a session by the same ticket waits to be heard, it may be a hello of before that somebody
 * plays again, to take that one's place. Over UDP a cookie is wanted, which binders cover.
 */
static enum err open_server(struct phaze_handshake *handshake, struct phaze_server_input *input,
							uint8_t out_retry[static PHAZE_RETRY_SIZE]) {
	const struct phaze_server_setup *setup = &handshake->setup;
	enum err error = phaze_server_open(setup, input, out_retry, &handshake->server);
	if (error || input->loaded || phaze_server_state(handshake->server) != PHAZE_SERVER_RESUMED ||
		!phaze_sessions_pends(handshake->device, handshake->member))
		return error;
	phaze_server_free(handshake->server);
	handshake->server = NULL;
	input->loaded = true;
	return phaze_server_open(setup, input, out_retry, &handshake->server);
}

static void begin(struct device *device, uint64_t now, const struct phaze_news_datagram *datagram,
				  const uint8_t digest[static HASH_SIZE]) {
	struct phaze_gate *gate = device->gate;
	const struct phaze_settings *settings = &device->settings;
	uint8_t retry[PHAZE_RETRY_SIZE];
	struct phaze_handshake *handshake = calloc(1, sizeof *handshake);
	if (!handshake)
		return;
	list_init(&handshake->link);
	handshake->device = device;
	handshake->trust = phaze_trust_hold(device->trust);
	handshake->way = datagram->way;
	handshake->loaded = is_loaded(gate, now);
	memcpy(handshake->digest, digest, sizeof handshake->digest);
	handshake->setup = (struct phaze_server_setup){
		.ops = &server_ops,
		.context = handshake,
		.identity = phaze_trust_identity(handshake->trust),
		.random = engine_get_options(device->engine)->random,
		.demands = settings->demands,
		.aes = processor_has_aes(),
		.ciphers = settings->ciphers,
		.cipher_count = settings->cipher_count,
	};
	struct phaze_server_input input = {
		.from = &handshake->way.to,
		.data = datagram->data,
		.size = datagram->size,
		.now = now,
		.reliable = handshake->way.connection != 0,
		.loaded = handshake->loaded,
		.session_id = draw_id(device, datagram->way.shard, handshake->id),
	};
	enum err error =
		may_begin(handshake, now) ? open_server(handshake, &input, retry) : ERR_RATE_LIMITED;
	if (error == ERR_COOKIE_REQUIRED)
		send_retry(device, &handshake->way, retry);
	/* Who resumes too often gets no answer: he asks again, and is not sent to the judge. */
	if (error || handshake->is_early || !make_room(gate) ||
		phaze_handshakes_add(&gate->handshakes, handshake))
		free_handshake(handshake);
	else
		settle(handshake);
}

static void receive(struct phaze_handshake *handshake, uint64_t now,
					const struct phaze_news_datagram *datagram) {
	handshake->is_busy = true;
	enum err error = phaze_server_receive(handshake->server, now, &datagram->way.to, datagram->data,
										  datagram->size);
	handshake->is_busy = false;
	if (error == ERR_OK || error == ERR_AGAIN || error == ERR_EXISTS)
		handshake->way = datagram->way;
	settle(handshake);
}

/* By a connection comes one hello and what answers it, then silence: all else ends both. */
static void take_next(struct phaze_handshake *handshake, uint64_t now,
					  const struct phaze_news_datagram *datagram) {
	struct phaze_header header;
	uint8_t id[PHAZE_HANDSHAKES_ID_SIZE];
	bool is_good = handshake->standing == PHAZE_STANDING_HALF_OPEN &&
				   phaze_packet_decode(datagram->data, datagram->size, &header) == ERR_OK;
	if (is_good) {
		put_id(header.session_id, id);
		is_good = memcmp(handshake->id, id, sizeof id) == 0;
	}
	if (is_good)
		receive(handshake, now, datagram);
	else
		remove_handshake(handshake);
}

static void take(struct device *device, uint64_t now, const struct phaze_news_datagram *datagram) {
	const struct phaze_gate *gate = device->gate;
	struct phaze_header header;
	uint8_t digest[HASH_SIZE], id[PHAZE_HANDSHAKES_ID_SIZE];
	if (phaze_packet_decode(datagram->data, datagram->size, &header))
		return;
	if (header.session_id != 0) {
		put_id(header.session_id, id);
		struct phaze_handshake *handshake = key_table_find(&gate->handshakes.by_id, id);
		if (handshake && handshake->way.connection == datagram->way.connection)
			receive(handshake, now, datagram);
		return;
	}
	/* Who has no certificate cannot show that he is a server. */
	if (phaze_trust_identity(device->trust)->chain.count == 0 ||
		phaze_news_digest(datagram, digest) != ERR_OK)
		return;
	struct phaze_handshake *handshake = key_table_find(&gate->handshakes.by_digest, digest);
	if (handshake && handshake->way.connection == datagram->way.connection)
		receive(handshake, now, datagram);
	else if (!handshake)
		begin(device, now, datagram, digest);
}

bool phaze_gate_waits(const struct device *device, uint64_t connection) {
	const struct phaze_handshake *handshake =
		phaze_handshakes_of_connection(&device->gate->handshakes, connection);
	return handshake && handshake->login != 0;
}

void phaze_gate_left(struct device *device, uint64_t connection) {
	struct phaze_handshake *handshake =
		phaze_handshakes_of_connection(&device->gate->handshakes, connection);
	if (handshake)
		remove_handshake(handshake);
}

bool phaze_gate_receive(struct device *device, uint64_t now,
						const struct phaze_news_datagram *datagram) {
	const uint64_t connection = datagram->way.connection;
	struct phaze_handshake *handshake =
		connection != 0 ? phaze_handshakes_of_connection(&device->gate->handshakes, connection)
						: NULL;
	if (handshake)
		take_next(handshake, now, datagram);
	else
		take(device, now, datagram);
	return connection == 0 ||
		   phaze_handshakes_of_connection(&device->gate->handshakes, connection) ||
		   !phaze_connections_exists(device, connection);
}

/* Authorities and lists may have changed since it was shown. */
static bool is_vouched_for(const struct phaze_handshake *handshake) {
	return !handshake->pass.by_certificate ||
		   phaze_trust_still_is(handshake->device->trust, &handshake->pass.mark);
}

static enum phaze_reject accept(struct phaze_handshake *handshake, uint64_t now,
								const uint8_t identity[static HASH_SIZE]) {
	struct device *device = handshake->device;
	struct parameters parameters;
	const struct phaze_verdict verdict = {.parameters = &parameters};
	handshake->member = phaze_control_find(device, identity);
	if (!handshake->member)
		return PHAZE_REJECT_BUSY;
	if (!is_vouched_for(handshake))
		return PHAZE_REJECT_CREDENTIALS;
	handshake->pass.login = phaze_control_wall(device);
	if (tell_member(handshake, &parameters))
		return PHAZE_REJECT_BUSY;
	(void)phaze_server_verdict(handshake->server, now, &verdict);
	return 0;
}

_Static_assert((int)DEVICE_REJECT_CREDENTIALS == (int)PHAZE_REJECT_CREDENTIALS &&
				   (int)DEVICE_REJECT_ADDRESS == (int)PHAZE_REJECT_ADDRESS,
			   "reasons have the same numbers");

void phaze_gate_verdict(struct device *device, uint64_t now, const struct device_verdict *verdict) {
	struct phaze_gate *gate = device->gate;
	struct phaze_handshake *handshake =
		verdict->id != 0 ? phaze_handshakes_of_login(&gate->handshakes, verdict->id) : NULL;
	if (verdict->loaded)
		gate->judge_rests = now + JUDGE_REST;
	if (!handshake)
		return;
	handshake->login = 0;
	enum phaze_reject reject = (enum phaze_reject)verdict->reject;
	if (!reject)
		reject = accept(handshake, now, verdict->public_key);
	if (reject)
		refuse(handshake, now, reject);
	if (!handshake->is_busy)
		settle(handshake);
}

uint64_t phaze_gate_run(struct device *device, uint64_t now) {
	struct phaze_handshakes *handshakes = &device->gate->handshakes;
	struct phaze_handshake *handshake;
	while ((handshake = phaze_handshakes_due(handshakes, now)) != NULL) {
		phaze_server_expire(handshake->server, now);
		settle(handshake);
	}
	return deadline_next(&handshakes->deadlines);
}

/* Only of one that used a ticket: another's answer may still be lost. */
void phaze_gate_connected(struct device *device, uint64_t number) {
	struct phaze_handshake *handshake =
		phaze_handshakes_of_session(&device->gate->handshakes, number);
	if (handshake && phaze_server_state(handshake->server) == PHAZE_SERVER_RESUMED)
		remove_handshake(handshake);
}

void phaze_gate_heard(struct device *device, uint64_t number) {
	struct phaze_handshake *handshake =
		phaze_handshakes_of_session(&device->gate->handshakes, number);
	if (!handshake)
		return;
	handshake->is_heard = true;
	phaze_handshakes_update(&device->gate->handshakes, handshake);
}

void phaze_gate_forget(struct device *device, const struct phaze_member *member) {
	list_for_each (link, &device->gate->handshakes.items) {
		struct phaze_handshake *handshake = list_item(link, struct phaze_handshake, link);
		if (handshake->member == member)
			remove_handshake(handshake);
	}
}
