#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bench/arrivals/arrival.h"
#include "bench/arrivals/phaze.h"
#include "bench/arrivals/phaze_users.h"
#include "crypto/authority.h"
#include "crypto/csprng.h"
#include "crypto/ed25519.h"
#include "handshake/phaze_server.h"
#include "proto/phaze_trust.h"
#include "wire/keepalive.h"

enum { NUMBER = 7, SERVER_ID = 0x01020304, PATH_SIZE = 64 };

#define NOW (5 * CLOCK_SECOND)
#define CENTURY INT64_C(4000000000) /* certificates are valid until then */

static const char *const files[] = {"ca.pem", "bench.pem", "bench.key", "users"};

/* A client with its folder, and the server's end of its handshake. */
struct ends {
	const struct arrival_ops *ops;
	char folder[PATH_SIZE];
	void *common, *client;
	struct phaze_trust *trust;
	struct phaze_server_setup setup;
	struct phaze_server *server;
	struct parameters told;
	struct phaze_verdict verdict;
	struct phaze_ticket ticket;
	bool knows_ticket;
	unsigned checks, resumes;
};

static bool find_ticket(void *context, const uint8_t id[static PHAZE_TICKET_ID_SIZE],
						uint8_t out_psk[static PHAZE_SECRET_SIZE]) {
	const struct ends *ends = context;
	if (!ends->knows_ticket || memcmp(id, ends->ticket.id, PHAZE_TICKET_ID_SIZE) != 0)
		return false;
	memcpy(out_psk, ends->ticket.psk, PHAZE_SECRET_SIZE);
	return true;
}

static bool resume(void *context, const uint8_t id[static PHAZE_TICKET_ID_SIZE],
				   struct parameters *out_parameters) {
	struct ends *ends = context;
	ends->resumes++;
	*out_parameters = ends->told;
	return true;
}

static void check(void *context, struct phaze_server *server, const struct phaze_login *login) {
	struct ends *ends = context;
	ends->checks++;
	assert_int_equal(login->user.size, 5);
	assert_memory_equal(login->user.data, "bench", 5);
	assert_int_equal(login->password.size, 6);
	assert_memory_equal(login->password.data, "secret", 6);
	assert_true(login->by_certificate);
	assert_int_equal(phaze_server_verdict(server, NOW, &ends->verdict), ERR_OK);
}

static enum err make_cookie(void *context, uint64_t now, const struct endpoint *from,
							struct slice content, uint8_t out_cookie[static PHAZE_COOKIE_SIZE]) {
	memset(out_cookie, 7, PHAZE_COOKIE_SIZE);
	return ERR_OK;
}

static bool check_cookie(void *context, uint64_t now, const struct endpoint *from,
						 struct slice content, const uint8_t cookie[static PHAZE_COOKIE_SIZE]) {
	return cookie[0] == 7;
}

static const struct phaze_server_ops server_ops = {find_ticket, resume, check, make_cookie,
												   check_cookie};
static const uint8_t ciphers[] = {PHAZE_CHACHA20_POLY1305};

static uint64_t now_of(void *context) {
	return clock_wall_now();
}

static const struct engine_clock engine_clock = {now_of, now_of, NULL};

static void path_of(const struct ends *ends, const char *name, char out_path[static PATH_SIZE]) {
	assert_true(snprintf(out_path, PATH_SIZE, "%s/%s", ends->folder, name) < PATH_SIZE);
}

static void write_file(const struct ends *ends, const char *name, const char *text) {
	char path[PATH_SIZE];
	path_of(ends, name, path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* The client's files, and the server's identity. */
static void make_identities(struct ends *ends) {
	struct certificate_pair own, server, client;
	struct authority *authority;
	const char *names[] = {PHAZE_SERVER};
	struct authority_request request = {AUTHORITY_SERVER, names, 1, NULL, 1, CENTURY};
	assert_int_equal(authority_make("Bench", 1, CENTURY, &own), ERR_OK);
	assert_int_equal(
		authority_load(slice_of_text(own.certificate), slice_of_text(own.key), &authority), ERR_OK);
	assert_int_equal(authority_issue(authority, &request, &server), ERR_OK);
	request = (struct authority_request){AUTHORITY_CLIENT, NULL, 0, "bench", 1, CENTURY};
	assert_int_equal(authority_issue(authority, &request, &client), ERR_OK);
	authority_free(authority);
	write_file(ends, "ca.pem", own.certificate);
	write_file(ends, "bench.pem", client.certificate);
	write_file(ends, "bench.key", client.key);
	write_file(ends, "users", "bench secret\n");
	struct phaze_trust_options options = {
		.authorities = slice_of_text(own.certificate),
		.certificates = slice_of_text(server.certificate),
		.clock = &engine_clock,
	};
	assert_int_equal(ed25519_read(slice_of_text(server.key), options.signing_key), ERR_OK);
	assert_int_equal(phaze_trust_new(&options, &ends->trust), ERR_OK);
}

static int set_up(void **state) {
	struct ends *ends = calloc(1, sizeof *ends);
	assert_non_null(ends);
	strcpy(ends->folder, "/tmp/umbra-arrivals-XXXXXX");
	assert_non_null(mkdtemp(ends->folder));
	make_identities(ends);
	ends->ops = arrival_find("phaze");
	assert_non_null(ends->ops);
	ends->client = calloc(1, ends->ops->size);
	assert_non_null(ends->client);
	assert_int_equal(ends->ops->open(ends->folder, &ends->common), ERR_OK);
	assert_int_equal(ends->ops->init(ends->client, NUMBER, ends->common), ERR_OK);
	ends->told.has_ticket = true;
	ends->told.ticket_lifetime = 1000;
	memset(ends->told.ticket_id, 9, sizeof ends->told.ticket_id);
	ends->verdict.parameters = &ends->told;
	ends->setup = (struct phaze_server_setup){
		.ops = &server_ops,
		.context = ends,
		.identity = phaze_trust_identity(ends->trust),
		.random = &csprng,
		.demands = PHAZE_BY_BOTH,
		.ciphers = ciphers,
		.cipher_count = sizeof ciphers,
	};
	*state = ends;
	return 0;
}

static int tear_down(void **state) {
	struct ends *ends = *state;
	char path[PATH_SIZE];
	phaze_server_free(ends->server);
	ends->ops->done(ends->client);
	ends->ops->close(ends->common);
	phaze_trust_release(ends->trust);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		path_of(ends, files[i], path);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(ends->folder), 0);
	free(ends->client);
	free(ends);
	return 0;
}

static const struct endpoint from = {.address = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_V4},
									 .port = 1000};

/* What the client sends until it waits, to the server; and what that answers. */
static void exchange(struct ends *ends) {
	uint8_t retry[PHAZE_RETRY_SIZE];
	struct slice packet;
	bool more = true;
	while (more) {
		more = false;
		while ((!ends->server || !phaze_server_established(ends->server)) &&
			   ends->ops->send(ends->client, &packet)) {
			const struct phaze_server_input input = {&from, packet.data, packet.size, NOW,
													 false, false,       SERVER_ID};
			more = true;
			if (ends->server) {
				(void)phaze_server_receive(ends->server, NOW, &from, packet.data, packet.size);
			} else if (phaze_server_open(&ends->setup, &input, retry, &ends->server) ==
					   ERR_COOKIE_REQUIRED) {
				ends->ops->receive(ends->client, retry, sizeof retry, NOW);
			}
		}
		while (ends->server && phaze_server_send(ends->server, &packet)) {
			more = true;
			ends->ops->receive(ends->client, packet.data, packet.size, NOW);
		}
	}
}

static void expect_ping(struct ends *ends, uint32_t sequence) {
	const struct phaze_established *session = phaze_server_established(ends->server);
	struct phaze_header header;
	struct keepalive keepalive;
	uint8_t nonce[AEAD_NONCE_SIZE], plain[KEEPALIVE_SIZE];
	struct slice sent;
	assert_true(ends->ops->send(ends->client, &sent));
	assert_int_equal(phaze_packet_decode(sent.data, sent.size, &header), ERR_OK);
	assert_int_equal(header.type, PHAZE_KEEPALIVE);
	assert_int_equal(header.session_id, SERVER_ID);
	assert_int_equal(header.sequence, sequence);
	phaze_packet_nonce(sent.data, nonce);
	assert_int_equal(aead_open_with(session->algorithm, session->keys.client, nonce,
									slice_of(sent.data, PHAZE_HEADER_SIZE), sent.data + PHAZE_FRONT,
									sent.size - PHAZE_OVERHEAD, plain),
					 ERR_OK);
	assert_int_equal(keepalive_decode(plain, sizeof plain, &keepalive), ERR_OK);
	assert_int_equal(keepalive.kind, KEEPALIVE_PING);
	assert_false(ends->ops->send(ends->client, &sent));
}

static void pong(struct ends *ends, bool by_server) {
	const struct phaze_established *session = phaze_server_established(ends->server);
	const struct phaze_header header = {PHAZE_KEEPALIVE, 1, session->client_id,
										PHAZE_OVERHEAD - PHAZE_HEADER_SIZE + KEEPALIVE_SIZE};
	static const uint8_t nonce[AEAD_NONCE_SIZE], plain[KEEPALIVE_SIZE] = {KEEPALIVE_PONG};
	uint8_t datagram[PHAZE_OVERHEAD + sizeof plain];
	phaze_packet_encode_front(&header, nonce, datagram);
	assert_int_equal(aead_seal_with(session->algorithm,
									by_server ? session->keys.server : session->keys.client, nonce,
									slice_of(datagram, PHAZE_HEADER_SIZE), plain, sizeof plain,
									datagram + PHAZE_FRONT),
					 ERR_OK);
	ends->ops->receive(ends->client, datagram, sizeof datagram, NOW);
}

static void arrive(struct ends *ends, const char *way) {
	phaze_server_free(ends->server);
	ends->server = NULL;
	assert_int_equal(ends->ops->begin(ends->client, way, NOW, clock_wall_now()), ERR_OK);
	exchange(ends);
	assert_non_null(phaze_server_established(ends->server));
	assert_int_equal(ends->ops->state(ends->client), ARRIVAL_UNDER_WAY);
	expect_ping(ends, 1);
	const uint64_t due = ends->ops->deadline(ends->client);
	assert_true(due > NOW && due <= NOW + CLOCK_SECOND);
	ends->ops->expire(ends->client, due, clock_wall_now());
	expect_ping(ends, 2);
	pong(ends, false);
	assert_int_equal(ends->ops->state(ends->client), ARRIVAL_UNDER_WAY);
	pong(ends, true);
	assert_int_equal(ends->ops->state(ends->client), ARRIVAL_THERE);
	assert_true(ends->ops->deadline(ends->client) == CLOCK_NEVER);
	ends->ticket = phaze_server_established(ends->server)->ticket;
	ends->knows_ticket = true;
}

static void test_logs_in_and_comes_again_by_ticket(void **state) {
	struct ends *ends = *state;
	assert_int_equal(ends->ops->begin(ends->client, "ticket", NOW, clock_wall_now()),
					 ERR_NOT_FOUND);
	arrive(ends, "login");
	assert_int_equal(ends->checks, 1);
	for (unsigned i = 1; i <= 2; i++) {
		memset(ends->told.ticket_id, 9 + (int)i, sizeof ends->told.ticket_id);
		arrive(ends, "ticket");
		assert_true(ends->resumes >= i);
		assert_int_equal(ends->checks, 1);
	}
}

/* What the server refuses for, and the client has heard of. */
static void refuse(struct ends *ends, enum phaze_reject reject) {
	ends->verdict = (struct phaze_verdict){.reject = reject};
	assert_int_equal(ends->ops->begin(ends->client, "login", NOW, clock_wall_now()), ERR_OK);
	exchange(ends);
	phaze_server_expire(ends->server, phaze_server_deadline(ends->server));
	exchange(ends);
}

static void test_is_refused(void **state) {
	struct ends *ends = *state;
	refuse(ends, PHAZE_REJECT_CREDENTIALS);
	assert_int_equal(ends->ops->state(ends->client), ARRIVAL_REFUSED);
}

static void test_comes_again_where_the_server_is_busy(void **state) {
	struct ends *ends = *state;
	struct slice sent;
	refuse(ends, PHAZE_REJECT_BUSY);
	assert_int_equal(ends->ops->state(ends->client), ARRIVAL_UNDER_WAY);
	assert_false(ends->ops->send(ends->client, &sent));
	const uint64_t due = ends->ops->deadline(ends->client);
	assert_true(due > NOW && due <= NOW + 2 * CLOCK_SECOND);
	phaze_server_free(ends->server);
	ends->server = NULL;
	ends->verdict = (struct phaze_verdict){.parameters = &ends->told};
	ends->ops->expire(ends->client, due, clock_wall_now());
	exchange(ends);
	assert_non_null(phaze_server_established(ends->server));
	assert_int_equal(ends->checks, 2);
}

static void test_is_no_arrival_by_ticket_without_one(void **state) {
	struct ends *ends = *state;
	arrive(ends, "login");
	ends->knows_ticket = false;
	phaze_server_free(ends->server);
	ends->server = NULL;
	assert_int_equal(ends->ops->begin(ends->client, "ticket", NOW, clock_wall_now()), ERR_OK);
	exchange(ends);
	assert_int_equal(ends->ops->state(ends->client), ARRIVAL_REFUSED);
	assert_int_equal(ends->checks, 1);
}

static void test_users_take_turns(void **state) {
	struct ends *ends = *state;
	struct phaze_users *users;
	write_file(ends, "users", "bench secret\nother\nthird of  two words\n");
	assert_int_equal(phaze_users_open(ends->folder, PHAZE_SERVER, &users), ERR_OK);
	static const char *const names[] = {"bench", "other", "third", "bench"};
	static const char *const passwords[] = {"secret", "", "of  two words", "secret"};
	for (uint32_t i = 0; i < 4; i++) {
		const struct phaze_user *user = phaze_users_of(users, i);
		assert_string_equal(user->name, names[i]);
		assert_string_equal(user->password, passwords[i]);
		assert_int_equal(phaze_trust_identity(user->trust)->chain.count, i % 3 == 0 ? 1 : 0);
	}
	phaze_users_close(users);
	write_file(ends, "users", "");
	assert_int_equal(phaze_users_open(ends->folder, PHAZE_SERVER, &users), ERR_NOT_FOUND);
}

static void test_folder_without_files(void **state) {
	struct ends *ends = *state;
	void *common;
	assert_int_not_equal(ends->ops->open("/nonexistent", &common), ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_logs_in_and_comes_again_by_ticket, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_comes_again_where_the_server_is_busy, set_up,
										tear_down),
		cmocka_unit_test_setup_teardown(test_is_no_arrival_by_ticket_without_one, set_up,
										tear_down),
		cmocka_unit_test_setup_teardown(test_users_take_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_folder_without_files, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
