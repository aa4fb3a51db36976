#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/authority_desk.h"
#include "crypto/ed25519.h"
#include "proto/phaze_trust.h"

static uint64_t seconds;

static uint64_t wall_now(void *context) {
	return seconds * CLOCK_SECOND;
}

static const struct engine_clock engine_clock = {wall_now, wall_now, NULL};

static struct phaze_trust *trust_of(const struct phaze_trust_options *options) {
	struct phaze_trust *trust;
	assert_int_equal(phaze_trust_new(options, &trust), ERR_OK);
	return trust;
}

static enum err verify(const struct phaze_trust *trust, const struct phaze_trust *shown,
					   struct phaze_leaf *out_leaf) {
	const struct phaze_identity *identity = phaze_trust_identity(trust);
	return identity->verify(identity->context, &phaze_trust_identity(shown)->chain, out_leaf);
}

/* A server and a client that find each other good, and what they find bad. */
static void test_both_ends(void **state) {
	struct desk desk;
	seconds = DESK_NOW;
	desk_open(&desk, "Example");
	const struct certificate_pair server_pair = desk_server(&desk, "vpn.example.org"),
								  alice_pair = desk_client(&desk, "alice"),
								  bob_pair = desk_client(&desk, "bob");
	char *list = desk_revoke(&desk, NULL, &bob_pair);
	struct phaze_trust_options server = {
		.authorities = slice_of_text(desk.own.certificate),
		.certificates = slice_of_text(server_pair.certificate),
		.clock = &engine_clock,
	};
	struct phaze_trust_options client = server;
	client.is_client = true;
	client.certificates = slice_of_text(alice_pair.certificate);
	strcpy(client.server_name, "vpn.example.org");
	struct phaze_trust *ends[] = {trust_of(&server), trust_of(&client)};
	client.certificates = slice_of_text(bob_pair.certificate);
	strcpy(client.server_name, "vpn.example.net");
	struct phaze_trust *bob = trust_of(&client);
	server.revoked = slice_of_text(list);
	struct phaze_trust *listed = trust_of(&server);
	struct phaze_leaf leaf;

	assert_int_equal(verify(ends[0], ends[1], &leaf), ERR_OK);
	assert_int_equal(leaf.user_size, 5);
	assert_memory_equal(leaf.user, "alice", 5);
	assert_true(phaze_trust_still_is(listed, phaze_trust_mark(ends[0])));
	assert_int_equal(verify(ends[0], bob, &leaf), ERR_OK);
	assert_true(phaze_trust_still_is(ends[0], phaze_trust_mark(ends[0])));
	assert_false(phaze_trust_still_is(listed, phaze_trust_mark(ends[0])));
	assert_int_equal(verify(ends[1], ends[0], &leaf), ERR_OK);
	assert_int_equal(leaf.user_size, 0);
	assert_int_equal(verify(listed, bob, &leaf), ERR_AUTHENTICATION);
	assert_int_equal(phaze_trust_fault(listed), CHAIN_REVOKED);
	assert_int_equal(verify(bob, ends[0], &leaf), ERR_AUTHENTICATION);
	assert_int_equal(phaze_trust_fault(bob), CHAIN_WRONG_NAME);
	assert_int_equal(verify(ends[0], ends[0], &leaf), ERR_AUTHENTICATION);
	assert_int_equal(phaze_trust_fault(ends[0]), CHAIN_WRONG_USE);
	seconds += 2000;
	assert_int_equal(verify(ends[1], ends[0], &leaf), ERR_EXPIRED);

	/* One more holder: it is gone with the last. */
	assert_ptr_equal(phaze_trust_hold(bob), bob);
	phaze_trust_release(bob);
	assert_int_equal(verify(bob, ends[0], &leaf), ERR_EXPIRED);
	phaze_trust_release(bob);
	phaze_trust_release(listed);
	phaze_trust_release(ends[0]);
	phaze_trust_release(ends[1]);
	phaze_trust_release(NULL);
	free(list);
	desk_close(&desk);
}

static void test_pin(void **state) {
	struct desk desk;
	struct certificate_facts facts;
	seconds = DESK_NOW;
	desk_open(&desk, "Example");
	const struct certificate_pair pair = desk_server(&desk, "vpn.example.org");
	assert_int_equal(certificate_read(slice_of_text(pair.certificate), &facts), ERR_OK);
	struct phaze_trust_options options = {.certificates = slice_of_text(pair.certificate),
										  .clock = &engine_clock};
	struct phaze_trust *server = trust_of(&options);
	options = (struct phaze_trust_options){.is_client = true, .clock = &engine_clock};
	strcpy(options.server_name, "vpn.example.org");
	struct phaze_trust *nobody = trust_of(&options);
	memcpy(options.pin, facts.pin, sizeof options.pin);
	struct phaze_trust *pinned = trust_of(&options);
	options.server_name[0] = '\0';
	struct phaze_trust *nameless = trust_of(&options);
	struct phaze_leaf leaf;
	assert_int_equal(verify(pinned, server, &leaf), ERR_OK);
	assert_int_equal(verify(nobody, server, &leaf), ERR_AUTHENTICATION);
	assert_int_equal(phaze_trust_fault(nobody), CHAIN_UNTRUSTED);
	assert_int_equal(verify(nameless, server, &leaf), ERR_AUTHENTICATION);
	assert_int_equal(phaze_trust_fault(nameless), CHAIN_WRONG_NAME);
	phaze_trust_release(nameless);
	phaze_trust_release(pinned);
	phaze_trust_release(nobody);
	phaze_trust_release(server);
	desk_close(&desk);
}

static void test_signs(void **state) {
	const struct phaze_trust_options options = {.signing_key = {1, 2, 3}, .clock = &engine_clock};
	struct phaze_trust *trust = trust_of(&options);
	const struct phaze_identity *identity = phaze_trust_identity(trust);
	uint8_t signature[ED25519_SIGNATURE_SIZE], key[ED25519_KEY_SIZE];
	assert_int_equal(identity->chain.count, 0);
	assert_int_equal(identity->sign(identity->context, slice_of_text("what"), signature), ERR_OK);
	assert_int_equal(ed25519_public(options.signing_key, key), ERR_OK);
	assert_int_equal(ed25519_verify(key, slice_of_text("what"), signature), ERR_OK);
	phaze_trust_release(trust);
}

static void test_bad_texts(void **state) {
	struct desk desk;
	desk_open(&desk, "Example");
	char *list;
	assert_int_equal(authority_list(desk.authority, DESK_NOW, &list), ERR_OK);
	const struct slice none = slice_of(NULL, 0), own = slice_of_text(desk.own.certificate);
	/* Each of them is small enough alone; as a chain they are too many. */
	char *many = calloc(9, desk.own.certificate[0] ? strlen(desk.own.certificate) + 1 : 1);
	assert_non_null(many);
	for (unsigned i = 0; i < 9; i++)
		strcat(many, desk.own.certificate);
	const struct {
		struct slice authorities, revoked, certificates;
		enum err error;
	} rows[] = {
		{slice_of_text("nothing"), none, none, ERR_MALFORMED},
		{own, slice_of_text("nothing"), none, ERR_MALFORMED},
		{none, slice_of_text(list), none, ERR_MALFORMED},
		{none, none, slice_of_text("nothing"), ERR_MALFORMED},
		{none, none, slice_of_text(many), ERR_LIMIT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct phaze_trust_options options = {.authorities = rows[i].authorities,
													.revoked = rows[i].revoked,
													.certificates = rows[i].certificates,
													.clock = &engine_clock};
		struct phaze_trust *trust = NULL;
		assert_int_equal(phaze_trust_new(&options, &trust), rows[i].error);
		assert_null(trust);
	}
	free(many);
	free(list);
	desk_close(&desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ends),
		cmocka_unit_test(test_pin),
		cmocka_unit_test(test_signs),
		cmocka_unit_test(test_bad_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
