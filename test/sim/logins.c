#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Also for who is no test of cmocka's. */
static void must(bool is_so, const char *what) {
	if (is_so)
		return;
	fprintf(stderr, "logins: %s\n", what);
	abort();
}
#define MUST(condition) must(condition, #condition)
#define assert_int_equal(left, right) MUST((left) == (right))

#include "base/text.h"
#include "crypto/member.h"
#include "sim/logins.h"

/* So long the judge thinks. */
#define THINKING (50 * CLOCK_MILLISECOND)

/* Made once, as each has a random key of the library's. */
static struct {
	bool made;
	struct desk desk;
	struct certificate_pair server, client;
} cast;

/* Hosts know their node alone. */
static struct logins *present;

static struct logins_host *host_of(void *context) {
	return present->server == context ? &present->server_host : &present->client_host;
}

static void copy_text(struct slice from, char *out_text) {
	if (from.size > 0)
		memcpy(out_text, from.data, from.size);
	out_text[from.size] = '\0';
}

static enum err host_login(void *context, const struct device_login *login) {
	struct logins *logins = present;
	(void)context;
	if (logins->refuses)
		return logins->refuses;
	MUST(logins->waiting_count < LOGINS_WAITING_MAX);
	struct logins_waiting *waiting = &logins->waiting[logins->waiting_count++];
	waiting->id = login->id;
	waiting->by_certificate = login->by_certificate;
	copy_text(login->user, waiting->user);
	copy_text(login->password, waiting->password);
	return ERR_OK;
}

static void host_abandon(void *context, uint64_t id) {
	struct logins *logins = present;
	(void)context;
	logins->server_host.abandoned++;
	for (size_t i = 0; i < logins->waiting_count; i++)
		if (logins->waiting[i].id == id)
			logins->waiting[i] = logins->waiting[--logins->waiting_count];
}

static enum err host_ticket(void *context, const struct device_ticket *ticket) {
	struct logins_host *host = host_of(context);
	host->tickets++;
	if (host->deaf)
		return host->deaf;
	host->has_ticket = ticket->sealed.size > 0;
	host->ticket_until = ticket->until;
	memcpy(host->ticket.hash, ticket->hash, sizeof host->ticket.hash);
	host->ticket.size = ticket->sealed.size;
	MUST(ticket->sealed.size <= sizeof host->ticket.sealed);
	if (ticket->sealed.size > 0)
		memcpy(host->ticket.sealed, ticket->sealed.data, ticket->sealed.size);
	return ERR_OK;
}

static enum err host_used(void *context, const uint8_t public_key[static X25519_KEY_SIZE],
						  uint64_t bytes) {
	struct logins_host *host = host_of(context);
	(void)public_key;
	MUST(bytes > 0);
	host->tellings++;
	if (host->no_room && host->room == 0)
		return host->no_room;
	host->room -= host->no_room ? 1 : 0;
	host->used += bytes;
	return ERR_OK;
}

static void host_settings(void *context, const uint8_t public_key[static X25519_KEY_SIZE],
						  const struct interface_settings *settings) {
	struct logins_host *host = host_of(context);
	MUST(memcmp(public_key, present->server_identity, HASH_SIZE) == 0);
	host->settings++;
	host->told = *settings;
}

static void host_event(void *context, const struct device_event *event) {
	struct logins_host *host = host_of(context);
	if (host->event_count == LOGINS_EVENTS_MAX) {
		host->event_count--;
		memmove(host->events, host->events + 1, host->event_count * sizeof *host->events);
	}
	host->events[host->event_count].kind = event->kind;
	host->events[host->event_count].count = event->count;
	(void)snprintf(host->events[host->event_count].text, sizeof host->events[0].text, "%s",
				   event->text ? event->text : "");
	host->event_count++;
}

long logins_last_event(const struct logins_host *host, enum device_event_kind kind) {
	for (size_t i = host->event_count; i > 0; i--)
		if (host->events[i - 1].kind == kind)
			return (long)i - 1;
	return -1;
}

static struct node *add_node(struct logins *logins, const struct node_options *given) {
	struct node_options options = given ? *given : (struct node_options){.shards = 1};
	options.ops = &phaze_device_ops;
	struct node *node = world_add_node(logins->world, &options);
	node->host.login = host_login;
	node->host.abandon = host_abandon;
	node->host.ticket = host_ticket;
	node->host.used = host_used;
	node->host.settings = host_settings;
	node->host.event = host_event;
	return node;
}

int logins_set(struct node *node, const char *text) {
	node->dirty = true;
	return node->ops->set(node->device, slice_of_text(text));
}

char *logins_pem_lines(const char *key, const char *pem) {
	struct uapi_text text = {.data = NULL};
	struct slice left = slice_of_text(pem), line;
	while (uapi_next_line(&left, &line)) {
		char value[UAPI_TEXT_MAX + 1];
		if (line.size == 0)
			continue;
		copy_text(line, value);
		uapi_put_text(&text, key, value);
	}
	char *copy = calloc(1, text.size + 1);
	MUST(copy);
	memcpy(copy, text.data, text.size);
	uapi_text_done(&text);
	return copy;
}

/* The seed of a private key in PEM: the end of its DER, which is one line of base64 (RFC 8410). */
static void seed_of(const char *pem, char out_hex[static TEXT_KEY_HEX_SIZE]) {
	enum { DER_SIZE = 48, CHARACTERS = DER_SIZE / 3 * 4 };
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t der[DER_SIZE];
	const char *line = strchr(pem, '\n');
	MUST(line);
	for (size_t i = 0; i < CHARACTERS; i += 4) {
		uint32_t bits = 0;
		for (size_t k = 0; k < 4; k++) {
			const char *digit = strchr(digits, line[1 + i + k]);
			MUST(digit);
			bits = bits << 6 | (uint32_t)(digit - digits);
		}
		for (size_t k = 0; k < 3; k++)
			der[i / 4 * 3 + k] = (uint8_t)(bits >> (16 - 8 * k));
	}
	text_hex_encode(der + DER_SIZE - ED25519_KEY_SIZE, ED25519_KEY_SIZE, out_hex);
}

static void put_identity(struct uapi_text *text, const struct logins *logins,
						 const struct certificate_pair *pair) {
	char seed[TEXT_KEY_HEX_SIZE];
	char *authorities = logins_pem_lines("authority", logins->desk.own.certificate);
	uapi_put_lines(text, slice_of_text("replace_authorities=true\n"));
	uapi_put_lines(text, slice_of_text(authorities));
	free(authorities);
	if (!pair)
		return;
	char *certificates = logins_pem_lines("certificate", pair->certificate);
	uapi_put_lines(text, slice_of_text("replace_certificates=true\n"));
	uapi_put_lines(text, slice_of_text(certificates));
	free(certificates);
	seed_of(pair->key, seed);
	uapi_put_text(text, "signing_key", seed);
}

static void set(struct node *node, struct uapi_text *text) {
	node->dirty = true;
	assert_int_equal(text->error, ERR_OK);
	assert_int_equal(node->ops->set(node->device, slice_of(text->data, text->size)), 0);
	uapi_text_done(text);
}

static const uint8_t ticket_keys[2][AEAD_KEY_SIZE] = {{1}, {2}};

static void set_server(struct logins *logins, const struct logins_options *options) {
	struct uapi_text text = {.data = NULL};
	uapi_put_line(&text, "replace_peers=true");
	uapi_put_line(&text, "role=server");
	uapi_put_number(&text, "listen_port", NODE_PORT);
	uapi_put_key(&text, "ticket_key", ticket_keys[0]);
	uapi_put_text(&text, "demands", options->demands ? options->demands : "password");
	uapi_put_line(&text, "ticket_seconds=604800");
	uapi_put_line(&text, "replace_push=true");
	uapi_put_line(&text, "push_route=10.0.0.0/8");
	uapi_put_line(&text, "push_dns=10.0.0.53");
	put_identity(&text, logins, &logins->server_pair);
	if (options->server_lines)
		uapi_put_lines(&text, slice_of_text(options->server_lines));
	set(logins->server, &text);
}

static void set_client(struct logins *logins, const struct logins_options *options) {
	struct uapi_text text = {.data = NULL};
	const struct endpoint endpoint = node_endpoint(logins->server);
	uapi_put_line(&text, "replace_peers=true");
	uapi_put_line(&text, "role=client");
	uapi_put_number(&text, "listen_port", NODE_PORT);
	uapi_put_key(&text, "ticket_key", ticket_keys[1]);
	uapi_put_text(&text, "server_name", options->name ? options->name : LOGINS_NAME);
	put_identity(&text, logins, options->certificate ? &logins->client_pair : NULL);
	uapi_put_key(&text, "public_key", logins->server_identity);
	uapi_put_line(&text, "name=alice");
	if (options->password)
		uapi_put_bytes(&text, "password", slice_of_text(options->password));
	for (size_t i = 0; i < options->endpoints_before; i++) {
		char nobody[64];
		(void)snprintf(nobody, sizeof nobody, "endpoint=198.51.100.%zu:1", i + 1);
		uapi_put_line(&text, nobody);
	}
	uapi_put_endpoint(&text, "endpoint", &endpoint);
	uapi_put_line(&text, "allowed_ip=10.0.0.0/24");
	uapi_put_line(&text, "allowed_ip=fd00::/64");
	set(logins->client, &text);
}

void logins_configure(struct logins *logins, const struct logins_options *options) {
	set_server(logins, options);
	set_client(logins, options);
}

/* The world's clock begins where certificates do. */
static struct certificate_pair issue(enum authority_use use) {
	const char *names[] = {LOGINS_NAME};
	const struct authority_request request = {
		.use = use,
		.names = names,
		.name_count = use == AUTHORITY_SERVER ? 1 : 0,
		.user = use == AUTHORITY_CLIENT ? "alice" : NULL,
		.valid_from = DESK_BORN - 1000,
		.valid_until = DESK_BORN + 30 * 24 * 60 * 60,
	};
	struct certificate_pair pair;
	assert_int_equal(authority_issue(cast.desk.authority, &request, &pair), ERR_OK);
	return pair;
}

static void make_cast(void) {
	struct desk *desk = &cast.desk;
	if (cast.made)
		return;
	MUST(authority_make("Example", DESK_BORN - 1000, DESK_END, &desk->own) == ERR_OK);
	MUST(authority_load(slice_of_text(desk->own.certificate), slice_of_text(desk->own.key),
						&desk->authority) == ERR_OK);
	cast.server = issue(AUTHORITY_SERVER);
	cast.client = issue(AUTHORITY_CLIENT);
	cast.made = true;
}

struct logins *logins_new(uint64_t seed, const struct logins_options *options) {
	struct logins *logins = calloc(1, sizeof *logins);
	const struct sim_link link = {.delay = LOGINS_DELAY};
	MUST(logins);
	present = logins;
	logins->world = world_new(world_seed(seed));
	world_set_link(logins->world, &link);
	logins->world->tap.recording = true;
	make_cast();
	logins->desk = cast.desk;
	logins->server_pair = cast.server;
	logins->client_pair = cast.client;
	assert_int_equal(member_identity("um0", "alice", 1, logins->member_identity), ERR_OK);
	assert_int_equal(member_server_identity(LOGINS_NAME, logins->server_identity), ERR_OK);
	logins->server = logins->server_host.node = add_node(logins, options->node);
	logins->client = logins->client_host.node = add_node(logins, options->node);
	logins_configure(logins, options);
	world_run(logins->world, 0);
	return logins;
}

struct logins *logins_up(uint64_t seed, const struct logins_options *options) {
	struct logins *logins = logins_new(seed, options);
	node_link(logins->server, true);
	node_link(logins->client, true);
	logins_run(logins, CLOCK_SECOND);
	return logins;
}

void logins_free(struct logins *logins) {
	world_free(logins->world);
	free(logins);
	present = NULL;
}

/* The member's lines, as who keeps users would send them. */
static void set_member(struct logins *logins) {
	const uint8_t number = logins->client->number;
	assert_int_equal(node_set(logins->server,
							  "public_key=%s\nname=alice\naddress=10.0.0.%u/24\n"
							  "replace_allowed_ips=true\nallowed_ip=10.0.0.%u/32\n"
							  "allowed_ip=fd00::%x/128\n%s",
							  node_hex(logins->member_identity), number, number, number,
							  logins->member_lines ? logins->member_lines : ""),
					 0);
}

void logins_judge(struct logins *logins) {
	while (logins->waiting_count > 0) {
		const struct logins_waiting login = logins->waiting[--logins->waiting_count];
		struct device_verdict verdict = {
			.id = login.id, .reject = logins->reject, .loaded = logins->loaded};
		if (strcmp(login.user, "alice") != 0 ||
			(!login.by_certificate && strcmp(login.password, "secret") != 0) ||
			(login.password[0] != '\0' && strcmp(login.password, "secret") != 0))
			verdict.reject = DEVICE_REJECT_CREDENTIALS;
		if (!verdict.reject) {
			set_member(logins);
			memcpy(verdict.public_key, logins->member_identity, sizeof verdict.public_key);
		}
		logins->judged++;
		logins->server->ops->verdict(logins->server->device, &verdict);
		logins->server->dirty = true;
	}
}

static bool is_asked(void *context) {
	const struct logins *logins = context;
	return logins->waiting_count > 0 && !logins->silent;
}

void logins_run(struct logins *logins, uint64_t duration) {
	const uint64_t end = world_now(logins->world) + duration;
	for (;;) {
		if (!world_run_while(logins->world, end - world_now(logins->world), is_asked, logins))
			return;
		const uint64_t left = end - world_now(logins->world);
		world_run(logins->world, left < THINKING ? left : THINKING);
		if (is_asked(logins))
			logins_judge(logins);
		if (world_now(logins->world) >= end)
			break;
	}
	world_run(logins->world, 0);
}

struct phaze_member *logins_member(const struct logins *logins) {
	return phaze_control_find(logins->server->device, logins->member_identity);
}

struct phaze_member *logins_of_client(const struct logins *logins) {
	return phaze_control_find(logins->client->device, logins->server_identity);
}

static bool is_current(const struct phaze_member *member) {
	return member && member->number != 0 &&
		   atomic_load_explicit(&member->shared.connected, memory_order_relaxed);
}

bool logins_is_connected(const struct logins *logins) {
	return is_current(logins_member(logins)) && is_current(logins_of_client(logins));
}

void logins_assert_talking(struct logins *logins, uint32_t number) {
	MUST(logins_is_connected(logins));
	MUST(world_packet_arrives(logins->client, logins->server, number, CLOCK_SECOND));
	MUST(world_packet_arrives(logins->server, logins->client, number + 1, CLOCK_SECOND));
}

void logins_assert_apart(struct logins *logins, uint32_t number) {
	MUST(!logins_is_connected(logins));
	MUST(!world_packet_arrives(logins->client, logins->server, number, CLOCK_SECOND));
	MUST(!world_packet_arrives(logins->server, logins->client, number + 1, CLOCK_SECOND));
}

size_t logins_sent(const struct logins *logins, const struct node *from, uint8_t type) {
	const struct tap *tap = &logins->world->tap;
	size_t count = 0;
	for (size_t i = 0; i < tap->count; i++) {
		struct phaze_header header;
		const struct tap_record *record = tap->records[i];
		if (!address_equal(&record->from.address, &from->v4) ||
			phaze_packet_decode(record->data, record->size, &header))
			continue;
		count += (header.sequence > 0 ? header.type : 0) == type ? 1 : 0;
	}
	return count;
}

void logins_end_session(struct logins *logins) {
	node_link(logins->client, false);
	logins_run(logins, CLOCK_SECOND);
	MUST(!logins_is_connected(logins));
	const struct logins_host *host = &logins->server_host;
	assert_int_equal(host->events[host->event_count - 1].kind, DEVICE_EVENT_ENDED);
}

void logins_come_back(struct logins *logins, uint32_t number) {
	node_link(logins->client, true);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, number);
}

/* The client is made anew, and has this ticket. */
void logins_give_ticket(struct logins *logins, const struct uapi_ticket *ticket,
						const char *password) {
	const struct endpoint endpoint = node_endpoint(logins->server);
	struct uapi_text text = {.data = NULL};
	uapi_put_line(&text, "replace_peers=true");
	uapi_put_key(&text, "public_key", logins->server_identity);
	uapi_put_line(&text, "name=alice");
	if (password)
		uapi_put_bytes(&text, "password", slice_of_text(password));
	uapi_put_endpoint(&text, "endpoint", &endpoint);
	uapi_put_line(&text, "allowed_ip=10.0.0.0/24");
	uapi_put_line(&text, "allowed_ip=fd00::/64");
	if (ticket)
		uapi_put_ticket(&text, "ticket", ticket);
	uapi_put_text(&text, "name", "alice");
	char *copy = calloc(1, text.size + 1);
	MUST(copy);
	memcpy(copy, text.data, text.size);
	assert_int_equal(logins_set(logins->client, copy), 0);
	free(copy);
	uapi_text_done(&text);
}

void logins_assert_ended(const struct logins *logins, enum phaze_close_code code) {
	const struct logins_host *hosts[] = {&logins->server_host, &logins->client_host};
	for (size_t i = 0; i < 2; i++) {
		const long event = logins_last_event(hosts[i], DEVICE_EVENT_ENDED);
		MUST(event >= 0);
		assert_int_equal(hosts[i]->events[event].count, code);
	}
}

size_t logins_hellos(const struct logins *logins) {
	size_t count = 0;
	for (size_t i = 0; i < logins->world->tap.count; i++)
		count += logins->world->tap.records[i]->size == PHAZE_CLIENT_HELLO_SIZE ? 1 : 0;
	return count;
}

struct slice logins_last_hello(const struct logins *logins) {
	const struct tap *tap = &logins->world->tap;
	size_t at = tap->count;
	while (at > 0 && tap->records[at - 1]->size != PHAZE_CLIENT_HELLO_SIZE)
		at--;
	MUST(at > 0);
	uint8_t *data = malloc(PHAZE_CLIENT_HELLO_SIZE);
	MUST(data);
	memcpy(data, tap->records[at - 1]->data, PHAZE_CLIENT_HELLO_SIZE);
	return slice_of(data, PHAZE_CLIENT_HELLO_SIZE);
}
