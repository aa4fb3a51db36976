#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/wipe.h"
#include "crypto/backend.h"
#include "session/session.h"

static const uint8_t first_key[AEAD_KEY_SIZE] = {1}, second_key[AEAD_KEY_SIZE] = {2};

static const struct aead_backend *backend(void) {
	const struct aead_backend *found = aead_backend_find("openssl");
	assert_non_null(found);
	return found;
}

static void pair_init(struct session *a, struct session *b, enum aead_algorithm algorithm) {
	memset(a, 0xa5, sizeof *a); /* session_init() takes memory as it is */
	memset(b, 0xa5, sizeof *b);
	assert_int_equal(
		session_init(a, backend(), algorithm, first_key, second_key, 11, 22, true, 1000), ERR_OK);
	assert_int_equal(
		session_init(b, backend(), algorithm, second_key, first_key, 22, 11, false, 2000), ERR_OK);
}

/* What one seals with its send key, the other opens with its receive key only. */
static void assert_talks(struct aead_worker *worker, const struct session *from,
						 const struct session *to) {
	uint8_t sealed[5 + AEAD_TAG_SIZE], plain[5];
	struct aead_job seal = {.key = &from->send,
							.source = (const uint8_t *)"hello",
							.destination = sealed,
							.size = sizeof plain};
	assert_int_equal(aead_seal_many(worker, &seal, 1), ERR_OK);
	struct aead_job open[] = {
		{.key = &to->receive, .source = sealed, .destination = plain, .size = sizeof plain},
		{.key = &to->send, .source = sealed, .destination = plain, .size = sizeof plain},
	};
	aead_open_many(worker, open, 1);
	assert_true(open[0].ok);
	assert_memory_equal(plain, "hello", sizeof plain);
	aead_open_many(worker, open + 1, 1);
	assert_false(open[1].ok);
}

static void both_directions(enum aead_algorithm algorithm) {
	struct session a, b;
	pair_init(&a, &b, algorithm);
	struct aead_worker *worker = NULL;
	assert_int_equal(aead_worker_new(backend(), &worker), ERR_OK);
	assert_talks(worker, &a, &b);
	assert_talks(worker, &b, &a);
	aead_worker_free(worker);
	session_done(&a);
	session_done(&b);
}

static void keys_fit_crosswise(void **state) {
	both_directions(AEAD_CHACHA20_POLY1305);
	both_directions(AEAD_AES_256_GCM);
}

static void begins_at_zero(void **state) {
	struct session a, b;
	pair_init(&a, &b, AEAD_CHACHA20_POLY1305);
	assert_int_equal(a.send_counter, 0);
	assert_int_equal(a.local_index, 11);
	assert_int_equal(a.remote_index, 22);
	assert_true(a.initiator);
	assert_false(b.initiator);
	assert_int_equal(a.born, 1000);
	assert_int_equal(replay_accept(&a.replay, 0, UINT64_MAX), ERR_OK);
	assert_int_equal(replay_accept(&a.replay, 0, UINT64_MAX), ERR_REPLAY);
	session_done(&a);
	session_done(&b);
}

static void done_wipes(void **state) {
	struct session a, b;
	pair_init(&a, &b, AEAD_AES_256_GCM);
	a.send_counter = 5;
	session_done(&a);
	assert_true(wipe_is_zero(&a, sizeof a));
	session_done(&a);
	assert_true(wipe_is_zero(&a, sizeof a));
	session_done(NULL);
	session_done(&b);
}

static void age(void **state) {
	struct session a, b;
	pair_init(&a, &b, AEAD_CHACHA20_POLY1305);
	assert_int_equal(session_age(&a, 1000), 0);
	assert_int_equal(session_age(&a, 1001), 1);
	assert_int_equal(session_age(&a, 999), 0);
	assert_int_equal(session_age(&a, UINT64_MAX), UINT64_MAX - 1000);
	session_done(&a);
	session_done(&b);
}

/* A back end that runs out of memory at its second key, as only a fake one can be made to. */
static struct { int expanded, forgotten; } fake;

static enum err fake_expand(struct aead_key *key) {
	return ++fake.expanded == 2 ? ERR_NO_MEMORY : ERR_OK;
}

static void fake_forget(struct aead_key *key) {
	fake.forgotten++;
}

static void second_key_fails(void **state) {
	static const struct aead_backend failing = {.key_expand = fake_expand,
												.key_forget = fake_forget};
	struct session session;
	memset(&session, 0xa5, sizeof session);
	assert_int_equal(session_init(&session, &failing, AEAD_CHACHA20_POLY1305, first_key, second_key,
								  1, 2, true, 3),
					 ERR_NO_MEMORY);
	assert_int_equal(fake.expanded, 2);
	assert_int_equal(fake.forgotten, 1);
	assert_true(wipe_is_zero(&session, sizeof session));
	session_done(&session);
	assert_int_equal(fake.forgotten, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_fit_crosswise), cmocka_unit_test(begins_at_zero),
		cmocka_unit_test(done_wipes),         cmocka_unit_test(age),
		cmocka_unit_test(second_key_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
