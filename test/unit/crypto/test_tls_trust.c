#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tls_chain_vectors.h"
#include "tls_pair.h"

/* Whom a client believes, and what a server may be made of. */

#define NAME "server.example.org"
#define SECOND UINT64_C(1000000000)

static const char *const protocols[] = {"h2"};

static char *text_of(const char *first, const char *second) {
	size_t size = strlen(first) + strlen(second) + 1;
	char *text = malloc(size);
	assert_non_null(text);
	(void)snprintf(text, size, "%s%s", first, second);
	return text;
}

static struct tls_server *server_of(const char *certificates) {
	const struct tls_server_options options = {slice_of_text(certificates),
											   slice_of_text(chain_key), protocols, 1};
	struct tls_server *server;
	const char *fault;
	assert_int_equal(tls_server_new(&options, &server, &fault), ERR_OK);
	return server;
}

/* The fault that a handshake ends in, and its texts on both sides. */
static enum tls_fault outcome(struct tls_server *server, const struct tls_client_options *options,
							  const char *name, uint64_t seconds, struct tls_failure *out_failure) {
	struct tls_client *client;
	const char *fault;
	assert_int_equal(tls_client_new(options, &client, &fault), ERR_OK);
	const struct tls_client_target target = {.name = name, .wall_now = seconds * SECOND};
	struct tls at_client, at_server;
	struct tls_pair_sink sink = {.size = 0};
	assert_int_equal(tls_client_connect(client, &target, &at_client), ERR_OK);
	assert_int_equal(tls_server_accept(server, &at_server), ERR_OK);
	tls_pair_pump(&at_client, &at_server, SIZE_MAX, &sink, &sink);
	tls_failure(&at_client, out_failure);
	enum tls_fault found = out_failure->fault;
	assert_int_equal(tls_state(&at_client), found == TLS_FAULT_NONE ? TLS_OPEN : TLS_FAILED);
	if (found != TLS_FAULT_NONE) {
		struct tls_failure theirs;
		uint8_t byte;
		struct slice none = slice_of(NULL, 0);
		size_t size;
		assert_int_equal(tls_open(&at_client, &none, &byte, 1, &size), ERR_AUTHENTICATION);
		tls_failure(&at_server, &theirs);
		assert_int_equal(theirs.fault, TLS_FAULT_ALERT);
		assert_int_equal(theirs.alert, out_failure->alert);
	}
	tls_done(&at_client);
	tls_done(&at_server);
	tls_client_free(client);
	return found;
}

static void test_chain_and_name(void **state) {
	auto_free char *full = text_of(chain_leaf, chain_intermediate);
	auto_free char *wrong_order = text_of(chain_leaf, chain_root);
	struct certificate_pair other;
	tls_pair_certificate(&other);
	const struct {
		const char *certificates, *roots, *name;
		uint64_t seconds;
		int alert; /* 0: believed */
	} rows[] = {
		{full, chain_root, NAME, 1800000000, 0},
		{full, chain_root, "SERVER.example.org", 1800000000, 0},
		{full, chain_root, "other.example.org", 1800000000, 42},
		{full, chain_root, "192.0.2.1", 1800000000, 42},
		{full, other.certificate, NAME, 1800000000, 48},
		{full, chain_root, NAME, 1500000000, 42}, /* not yet valid */
		{full, chain_root, NAME, 4200000000, 45}, /* no longer */
		{chain_leaf, chain_root, NAME, 1800000000, 48},
		{wrong_order, chain_root, NAME, 1800000000, 48},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tls_server *server = server_of(rows[i].certificates);
		const struct tls_client_options options = {.roots = slice_of_text(rows[i].roots)};
		struct tls_failure failure;
		enum tls_fault fault = outcome(server, &options, rows[i].name, rows[i].seconds, &failure);
		if (fault != (rows[i].alert ? TLS_FAULT_CERTIFICATE : TLS_FAULT_NONE) ||
			failure.alert != rows[i].alert)
			fail_msg("row %zu: %d, %d, %s", i, fault, failure.alert, failure.text);
		tls_server_free(server);
	}
}

/* An address is checked against the certificate's addresses. */
static void test_address(void **state) {
	struct certificate_pair pair;
	tls_pair_certificate(&pair);
	struct tls_server *server = tls_pair_server(&pair);
	const struct tls_client_options options = {
		.roots = slice_of_text(pair.certificate), .protocols = protocols, .protocol_count = 1};
	struct tls_failure failure;
	assert_int_equal(outcome(server, &options, "192.0.2.1", TLS_PAIR_NOW, &failure),
					 TLS_FAULT_NONE);
	assert_int_equal(outcome(server, &options, "192.0.2.2", TLS_PAIR_NOW, &failure),
					 TLS_FAULT_CERTIFICATE);
	tls_server_free(server);
}

static void test_pins(void **state) {
	struct tls_server *server = server_of(chain_leaf);
	struct certificate_facts leaf, root;
	assert_int_equal(certificate_read(slice_of_text(chain_leaf), &leaf), ERR_OK);
	assert_int_equal(certificate_read(slice_of_text(chain_root), &root), ERR_OK);
	uint8_t right[2][TLS_PIN_SIZE], wrong[2][TLS_PIN_SIZE] = {{0}};
	memcpy(right[0], root.pin, TLS_PIN_SIZE);
	memcpy(right[1], leaf.pin, TLS_PIN_SIZE);
	memcpy(wrong[0], leaf.pin, TLS_PIN_SIZE);
	wrong[0][TLS_PIN_SIZE - 1] ^= 1;
	const struct tls_client_options pinned = {.pins = right, .pin_count = 2},
									mistaken = {.roots = slice_of_text(chain_root),
												.pins = wrong,
												.pin_count = 2};
	struct tls_failure failure;
	/* A pin stands for everything else: no root, another name, and out of date. */
	assert_int_equal(outcome(server, &pinned, "other.example.org", 4200000000, &failure),
					 TLS_FAULT_NONE);
	assert_int_equal(outcome(server, &mistaken, NAME, 1800000000, &failure), TLS_FAULT_CERTIFICATE);
	assert_non_null(strstr(failure.text, "pinned"));
	assert_int_equal(failure.alert, 42);
	tls_server_free(server);
}

/* Otherwise only clients would find out. */
static void test_certificate_of_somebody_else(void **state) {
	struct certificate_pair own;
	tls_pair_certificate(&own);
	const struct tls_server_options options = {slice_of_text(chain_leaf), slice_of_text(own.key),
											   protocols, 1};
	struct tls_server *server = NULL;
	const char *fault = NULL;
	assert_int_equal(tls_server_new(&options, &server, &fault), ERR_INVALID);
	assert_null(server);
	assert_non_null(strstr(fault, "not the first certificate's"));
}

static void check_server(const char *certificates, const char *key, const char *const *names,
						 size_t count, enum err error) {
	const struct tls_server_options options = {slice_of_text(certificates), slice_of_text(key),
											   names, count};
	struct tls_server *server = NULL;
	const char *fault = NULL;
	assert_int_equal(tls_server_new(&options, &server, &fault), error);
	assert_null(server);
	assert_true(fault && strlen(fault) > 10);
}

static void test_server_options(void **state) {
	auto_free char *damaged = text_of(chain_leaf, "-----BEGIN CERTIFICATE-----\nAAAA\n"
												  "-----END CERTIFICATE-----\n");
	auto_free char *many = text_of("", "");
	for (int i = 0; i <= TLS_SERVER_CHAIN_MAX; i++) {
		char *more = text_of(many, chain_leaf);
		free(many);
		many = more;
	}
	static const char *const empty[] = {""}, *const longer[] = {"sixteen-letters!"};
	check_server("", chain_key, protocols, 1, ERR_MALFORMED);
	check_server(chain_key, chain_key, protocols, 1, ERR_MALFORMED);
	check_server(damaged, chain_key, protocols, 1, ERR_MALFORMED);
	check_server(many, chain_key, protocols, 1, ERR_LIMIT);
	check_server(chain_leaf, "", protocols, 1, ERR_MALFORMED);
	check_server(chain_leaf, chain_leaf, protocols, 1, ERR_MALFORMED);
	check_server(chain_leaf, chain_locked_key, protocols, 1, ERR_MALFORMED);
	check_server(chain_leaf, chain_key, empty, 1, ERR_INVALID);
	check_server(chain_leaf, chain_key, longer, 1, ERR_INVALID);
	check_server(chain_leaf, chain_key, protocols, TLS_PROTOCOLS_MAX + 1, ERR_INVALID);
}

static void check_client(const struct tls_client_options *options, enum err error) {
	struct tls_client *client = NULL;
	const char *fault = NULL;
	assert_int_equal(tls_client_new(options, &client, &fault), error);
	assert_null(client);
	assert_true(fault && strlen(fault) > 10);
}

static void test_client_options(void **state) {
	static const uint8_t pins[TLS_PINS_MAX + 1][TLS_PIN_SIZE];
	check_client(&(struct tls_client_options){.pin_count = 0}, ERR_INVALID);
	check_client(&(struct tls_client_options){.roots = slice_of_text("junk")}, ERR_MALFORMED);
	check_client(&(struct tls_client_options){.pins = pins, .pin_count = TLS_PINS_MAX + 1},
				 ERR_LIMIT);
	/* A bundle with something damaged in it, and the same root twice. */
	auto_free char *front = text_of("-----BEGIN CERTIFICATE-----\nAAAA\n"
									"-----END CERTIFICATE-----\n# comment\n",
									chain_root);
	auto_free char *bundle = text_of(front, chain_root);
	auto_free char *full = text_of(chain_leaf, chain_intermediate);
	struct tls_server *server = server_of(full);
	struct tls_failure failure;
	const struct tls_client_options options = {.roots = slice_of_text(bundle)};
	assert_int_equal(outcome(server, &options, NAME, 1800000000, &failure), TLS_FAULT_NONE);
	tls_server_free(server);
	struct tls_client *client;
	const char *fault;
	assert_int_equal(tls_client_new(&options, &client, &fault), ERR_OK);
	char name[TLS_CLIENT_NAME_SIZE_MAX + 2];
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	struct tls tls = {.ops = NULL};
	struct tls_client_target target = {.name = name};
	assert_int_equal(tls_client_connect(client, &target, &tls), ERR_INVALID);
	target.name = "";
	assert_int_equal(tls_client_connect(client, &target, &tls), ERR_INVALID);
	assert_null(tls.ops);
	tls_done(&tls);
	tls_client_free(client);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain_and_name), cmocka_unit_test(test_address),
		cmocka_unit_test(test_pins),           cmocka_unit_test(test_certificate_of_somebody_else),
		cmocka_unit_test(test_server_options), cmocka_unit_test(test_client_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
