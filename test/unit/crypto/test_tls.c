#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "tls_pair.h"

#define NAME "vpn.example.org"

/* One certificate for all tests. */
struct world {
	struct certificate_pair certificate;
	struct tls_server *server;
	struct tls_client *client;
};

struct pair {
	struct tls client, server;
	struct tls_pair_sink at_client, at_server;
};

static struct pair pair_of(const struct world *world, struct slice ticket) {
	struct pair pair = {.client = tls_pair_connect(world->client, NAME, ticket)};
	assert_int_equal(tls_server_accept(world->server, &pair.server), ERR_OK);
	return pair;
}

static void pump(struct pair *pair, size_t chunk) {
	tls_pair_pump(&pair->client, &pair->server, chunk, &pair->at_client, &pair->at_server);
}

static void pair_done(struct pair *pair) {
	tls_done(&pair->client);
	tls_done(&pair->server);
	free(pair->at_client.bytes);
	free(pair->at_server.bytes);
}
#define auto_pair __attribute__((cleanup(pair_done)))

static void seal_all(struct tls *tls, const void *bytes, size_t size) {
	size_t taken = 0;
	assert_int_equal(tls_seal(tls, bytes, size, &taken), ERR_OK);
	assert_int_equal(taken, size);
}

static void check_open(const struct pair *pair, bool resumed) {
	struct tls_facts client, server;
	tls_facts(&pair->client, &client);
	tls_facts(&pair->server, &server);
	assert_int_equal(tls_state(&pair->client), TLS_OPEN);
	assert_int_equal(tls_state(&pair->server), TLS_OPEN);
	assert_int_equal(client.version, TLS_VERSION_1_3);
	assert_int_equal(server.version, TLS_VERSION_1_3);
	assert_string_equal(client.protocol, "h2");
	assert_string_equal(server.protocol, "h2");
	assert_true(client.resumed == resumed && server.resumed == resumed);
	assert_false(server.pin_known);
}

static void test_handshake(void **state) {
	const struct world *world = *state;
	/* Every way of cutting what the carrier brings. */
	static const size_t chunks[] = {1, 2, 5, 7, 100, 1400, SIZE_MAX};
	for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
		auto_pair struct pair pair = pair_of(world, slice_of(NULL, 0));
		struct tls_facts facts;
		uint8_t secret[32];
		tls_facts(&pair.client, &facts);
		assert_int_equal(facts.version, 0);
		assert_int_equal(tls_exporter(&pair.client, "EXPORTER-x", secret, 32), ERR_AGAIN);
		size_t taken = 9;
		assert_int_equal(tls_seal(&pair.client, "early", 5, &taken), ERR_AGAIN);
		assert_int_equal(taken, 9);
		pump(&pair, chunks[i]);
		check_open(&pair, false);
		struct certificate_facts certificate;
		assert_int_equal(
			certificate_read(slice_of_text(world->certificate.certificate), &certificate), ERR_OK);
		tls_facts(&pair.client, &facts);
		assert_true(facts.pin_known);
		assert_memory_equal(facts.pin, certificate.pin, sizeof facts.pin);
		seal_all(&pair.client, "question", 8);
		seal_all(&pair.server, "answer", 6);
		pump(&pair, chunks[i]);
		assert_int_equal(pair.at_server.size, 8);
		assert_memory_equal(pair.at_server.bytes, "question", 8);
		assert_int_equal(pair.at_client.size, 6);
		assert_memory_equal(pair.at_client.bytes, "answer", 6);
	}
}

static void test_exporter(void **state) {
	auto_pair struct pair first = pair_of(*state, slice_of(NULL, 0));
	auto_pair struct pair second = pair_of(*state, slice_of(NULL, 0));
	pump(&first, SIZE_MAX);
	pump(&second, SIZE_MAX);
	uint8_t a[32], b[32], c[32], d[32];
	assert_int_equal(tls_exporter(&first.client, "EXPORTER-x", a, 32), ERR_OK);
	assert_int_equal(tls_exporter(&first.server, "EXPORTER-x", b, 32), ERR_OK);
	assert_int_equal(tls_exporter(&first.server, "EXPORTER-y", c, 32), ERR_OK);
	assert_int_equal(tls_exporter(&second.server, "EXPORTER-x", d, 32), ERR_OK);
	assert_memory_equal(a, b, 32);
	assert_memory_not_equal(a, c, 32);
	assert_memory_not_equal(a, d, 32);
}

/* More than may wait: a part is taken, and the rest when some is sent. */
static void test_back_pressure(void **state) {
	enum { TOTAL = 3000000 };
	auto_pair struct pair pair = pair_of(*state, slice_of(NULL, 0));
	auto_free uint8_t *bytes = malloc(TOTAL);
	assert_non_null(bytes);
	for (size_t i = 0; i < TOTAL; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	pump(&pair, SIZE_MAX);
	size_t sealed = 0, most = 0;
	while (sealed < TOTAL) {
		size_t taken;
		enum err error = tls_seal(&pair.server, bytes + sealed, TOTAL - sealed, &taken);
		size_t waiting = tls_outgoing(&pair.server).size;
		most = waiting > most ? waiting : most;
		if (error == ERR_AGAIN) {
			assert_true(waiting >= TLS_OUTGOING_MAX);
			assert_true(tls_pair_move(&pair.server, &pair.client, 100000, &pair.at_client));
			continue;
		}
		assert_int_equal(error, ERR_OK);
		assert_true(taken > 0);
		sealed += taken;
	}
	assert_true(most < TLS_OUTGOING_MAX + TLS_RECORD_SIZE_MAX + 256);
	pump(&pair, SIZE_MAX);
	assert_int_equal(pair.at_client.size, TOTAL);
	assert_memory_equal(pair.at_client.bytes, bytes, TOTAL);
	/* With as much waiting, nothing is taken in that might be answered. */
	seal_all(&pair.client, "x", 1);
	while (tls_outgoing(&pair.server).size < TLS_OUTGOING_MAX)
		assert_int_equal(tls_seal(&pair.server, bytes, 65536, &sealed), ERR_OK);
	struct slice cipher = tls_outgoing(&pair.client);
	uint8_t plain[16];
	size_t held = cipher.size, size;
	assert_int_equal(tls_open(&pair.server, &cipher, plain, sizeof plain, &size), ERR_AGAIN);
	assert_int_equal(cipher.size, held);
}

/* A record for each call, of a size that follows from the plain one's. */
static void test_records(void **state) {
	enum { OVERHEAD = 5 + 1 + 16 };
	auto_pair struct pair pair = pair_of(*state, slice_of(NULL, 0));
	uint8_t bytes[TLS_RECORD_SIZE_MAX + 1] = {0};
	pump(&pair, SIZE_MAX);
	static const size_t sizes[] = {1, 26, 87, 462, TLS_RECORD_SIZE_MAX};
	size_t total = 0;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		seal_all(&pair.client, bytes, sizes[i]);
		total += sizes[i] + OVERHEAD;
		assert_int_equal(tls_outgoing(&pair.client).size, total);
	}
	seal_all(&pair.client, bytes, sizeof bytes);
	assert_int_equal(tls_outgoing(&pair.client).size, total + sizeof bytes + 2 * OVERHEAD);
	seal_all(&pair.client, bytes, 0);
	assert_int_equal(tls_outgoing(&pair.client).size, total + sizeof bytes + 2 * OVERHEAD);
}

static size_t take_ticket(struct tls *client, uint8_t *out_ticket) {
	size_t size;
	assert_int_equal(tls_ticket(client, out_ticket, TLS_TICKET_SIZE_MAX, &size), ERR_OK);
	return size;
}

static void test_tickets(void **state) {
	auto_free uint8_t *ticket = malloc(TLS_TICKET_SIZE_MAX);
	uint8_t before[32];
	size_t size;
	{
		auto_pair struct pair pair = pair_of(*state, slice_of(NULL, 0));
		pump(&pair, 3);
		assert_int_equal(tls_exporter(&pair.client, "EXPORTER-x", before, 32), ERR_OK);
		assert_int_equal(tls_ticket(&pair.server, ticket, TLS_TICKET_SIZE_MAX, &size),
						 ERR_NOT_FOUND);
		assert_int_equal(tls_ticket(&pair.client, ticket, 10, &size), ERR_LIMIT);
		for (int i = 0; i < TLS_SERVER_TICKETS; i++)
			size = take_ticket(&pair.client, ticket);
		assert_int_equal(tls_ticket(&pair.client, ticket, TLS_TICKET_SIZE_MAX, &size),
						 ERR_NOT_FOUND);
	}
	{
		auto_pair struct pair pair = pair_of(*state, slice_of(ticket, size));
		pump(&pair, 3);
		check_open(&pair, true);
		struct tls_facts facts;
		tls_facts(&pair.client, &facts);
		assert_true(facts.pin_known);
		uint8_t a[32], b[32];
		assert_int_equal(tls_exporter(&pair.client, "EXPORTER-x", a, 32), ERR_OK);
		assert_int_equal(tls_exporter(&pair.server, "EXPORTER-x", b, 32), ERR_OK);
		assert_memory_equal(a, b, 32);
		assert_memory_not_equal(a, before, 32);
		size = take_ticket(&pair.client, ticket);
	}
	/* Damaged ones are passed over. */
	for (size_t i = 0; i < size; i += size / 20 + 1) {
		ticket[i] ^= 0x55;
		auto_pair struct pair pair = pair_of(*state, slice_of(ticket, i % 2 == 0 ? size : i));
		pump(&pair, SIZE_MAX);
		check_open(&pair, false);
		ticket[i] ^= 0x55;
	}
	/* Of a name that the certificate has not; only the check of the ticket can see that. */
	struct tls other =
		tls_pair_connect(((struct world *)*state)->client, "a.example.org", slice_of(ticket, size));
	struct tls server;
	struct tls_pair_sink sink = {.size = 0};
	assert_int_equal(tls_server_accept(((struct world *)*state)->server, &server), ERR_OK);
	tls_pair_pump(&other, &server, SIZE_MAX, &sink, &sink);
	assert_int_equal(tls_state(&other), TLS_FAILED);
	tls_done(&other);
	tls_done(&server);
}

static void test_close(void **state) {
	auto_pair struct pair pair = pair_of(*state, slice_of(NULL, 0));
	pump(&pair, SIZE_MAX);
	seal_all(&pair.client, "last", 4);
	tls_close(&pair.client);
	tls_close(&pair.client);
	size_t taken;
	assert_int_equal(tls_seal(&pair.client, "x", 1, &taken), ERR_CLOSED);
	pump(&pair, SIZE_MAX);
	assert_int_equal(pair.at_server.size, 4);
	assert_int_equal(tls_state(&pair.server), TLS_ENDED);
	/* The other direction is still there. */
	seal_all(&pair.server, "bye", 3);
	tls_close(&pair.server);
	pump(&pair, SIZE_MAX);
	assert_int_equal(pair.at_client.size, 3);
	assert_int_equal(tls_state(&pair.client), TLS_ENDED);
	struct slice none = slice_of(NULL, 0);
	uint8_t plain[1];
	assert_int_equal(tls_open(&pair.client, &none, plain, 1, &taken), ERR_CLOSED);
}

static struct tls_failure failure_of(const struct tls *tls) {
	struct tls_failure failure;
	tls_failure(tls, &failure);
	assert_int_equal(tls_state(tls), TLS_FAILED);
	assert_true(failure.text && strlen(failure.text) > 0);
	return failure;
}

static struct tls_failure failure_for(const struct world *world, const void *bytes, size_t size) {
	struct tls server;
	struct tls_pair_sink sink = {.size = 0};
	assert_int_equal(tls_server_accept(world->server, &server), ERR_OK);
	assert_int_equal(tls_pair_give(&server, slice_of(bytes, size), &sink), ERR_MALFORMED);
	assert_int_equal(sink.size, 0);
	struct tls_failure failure = failure_of(&server);
	/* An alert goes out exactly when one is told of: content type 21, level fatal. */
	struct slice outgoing = tls_outgoing(&server);
	assert_int_equal(outgoing.size, failure.alert != 0 ? 7 : 0);
	if (outgoing.size == 7) {
		assert_int_equal(outgoing.data[0], 21);
		assert_int_equal(outgoing.data[5], 2);
		assert_int_equal(outgoing.data[6], failure.alert);
	}
	tls_done(&server);
	return failure;
}

static void test_no_tls(void **state) {
	struct tls_failure failure = failure_for(*state, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	assert_int_equal(failure.fault, TLS_FAULT_PLAIN_HTTP);
	assert_int_equal(failure.alert, 0);
	failure = failure_for(*state, "SSH-2.0-OpenSSH_9.9\r\n", 21);
	assert_int_equal(failure.fault, TLS_FAULT_PROTOCOL);
	/* A record of type 22 that is no ClientHello: a message of type 9, of one byte. */
	failure = failure_for(*state, "\x16\x03\x01\x00\x05\x09\x00\x00\x01\x00", 10);
	assert_int_equal(failure.fault, TLS_FAULT_PROTOCOL);
	assert_int_equal(failure.alert, 10);
	/* Type 21: the client's alert, handshake_failure. */
	failure = failure_for(*state, "\x15\x03\x01\x00\x02\x02\x28", 7);
	assert_int_equal(failure.alert != 0, true);
}

static void test_damaged_record(void **state) {
	auto_pair struct pair pair = pair_of(*state, slice_of(NULL, 0));
	pump(&pair, SIZE_MAX);
	seal_all(&pair.client, "genuine", 7);
	struct slice outgoing = tls_outgoing(&pair.client);
	uint8_t bytes[64];
	assert_true(outgoing.size < sizeof bytes);
	memcpy(bytes, outgoing.data, outgoing.size);
	bytes[outgoing.size - 1] ^= 1;
	assert_int_equal(tls_pair_give(&pair.server, slice_of(bytes, outgoing.size), &pair.at_server),
					 ERR_MALFORMED);
	assert_int_equal(pair.at_server.size, 0);
	assert_int_equal(failure_of(&pair.server).alert, 20); /* bad_record_mac */
	struct slice genuine = outgoing;
	assert_int_equal(tls_pair_give(&pair.server, genuine, &pair.at_server), ERR_MALFORMED);
	size_t taken;
	assert_int_equal(tls_seal(&pair.server, "x", 1, &taken), ERR_MALFORMED);
	uint8_t secret[32];
	assert_int_equal(tls_exporter(&pair.server, "EXPORTER-x", secret, 32), ERR_AGAIN);
	assert_true(tls_pair_move(&pair.server, &pair.client, SIZE_MAX, &pair.at_client));
	struct tls_failure failure = failure_of(&pair.client);
	assert_int_equal(failure.fault, TLS_FAULT_ALERT);
	assert_int_equal(failure.alert, 20);
}

static void test_protocols(void **state) {
	struct world *world = *state;
	static const struct {
		const char *offered[2];
		size_t count;
		const char *chosen; /* NULL: refused */
	} rows[] = {
		{{"http/1.1", "h2"}, 2, "h2"},
		{{"http/1.1"}, 1, "http/1.1"},
		{{"x", "h2"}, 2, "h2"},
		{{NULL}, 0, ""},
		{{"x"}, 1, NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct tls_client_options options = {
			.roots = slice_of_text(world->certificate.certificate),
			.protocols = rows[i].offered,
			.protocol_count = rows[i].count,
		};
		const char *fault;
		struct tls_client *client;
		assert_int_equal(tls_client_new(&options, &client, &fault), ERR_OK);
		struct pair pair = {.client = tls_pair_connect(client, NAME, slice_of(NULL, 0))};
		assert_int_equal(tls_server_accept(world->server, &pair.server), ERR_OK);
		tls_client_free(client); /* its connections live on */
		pump(&pair, SIZE_MAX);
		struct tls_facts facts;
		tls_facts(&pair.client, &facts);
		if (rows[i].chosen) {
			assert_int_equal(tls_state(&pair.client), TLS_OPEN);
			assert_string_equal(facts.protocol, rows[i].chosen);
		} else {
			assert_int_equal(failure_of(&pair.client).alert, 120); /* no_application_protocol */
			assert_int_equal(failure_of(&pair.server).alert, 120);
		}
		pair_done(&pair);
	}
}

static int set_up(void **state) {
	struct world *world = calloc(1, sizeof *world);
	tls_pair_certificate(&world->certificate);
	world->server = tls_pair_server(&world->certificate);
	world->client = tls_pair_client(&world->certificate);
	*state = world;
	return 0;
}

static int tear_down(void **state) {
	struct world *world = *state;
	tls_server_free(world->server);
	tls_client_free(world->client);
	tls_server_free(NULL);
	tls_client_free(NULL);
	free(world);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake),     cmocka_unit_test(test_exporter),
		cmocka_unit_test(test_back_pressure), cmocka_unit_test(test_records),
		cmocka_unit_test(test_tickets),       cmocka_unit_test(test_close),
		cmocka_unit_test(test_no_tls),        cmocka_unit_test(test_damaged_record),
		cmocka_unit_test(test_protocols),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
