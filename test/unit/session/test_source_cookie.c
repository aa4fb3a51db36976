#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "session/source_cookie.h"

#include "../../vectors/source_cookie.h"

#define AGE SOURCE_COOKIE_SECRET_AGE
#define START (1000 * CLOCK_SECOND)

/* The first secret is the vectors', the others are all of one byte. */
static unsigned draws;

static void fill(void *context, void *out_data, size_t size) {
	if (draws++ == 0 && size == sizeof source_cookie_secret)
		memcpy(out_data, source_cookie_secret, size);
	else
		memset(out_data, (int)draws, size);
}

static const struct random_source source = {fill, NULL};

/* One sender, and what his message has. */
struct fixture {
	struct source_cookie cookies;
	struct endpoint from;
	uint8_t content[72];
	uint8_t cookie[SOURCE_COOKIE_SIZE];
};

static struct slice content_of(const struct fixture *f) {
	return slice_of(f->content, sizeof f->content);
}

static void make(struct fixture *f, uint64_t now) {
	assert_int_equal(
		source_cookie_make(&f->cookies, &source, now, &f->from, content_of(f), f->cookie), ERR_OK);
}

static bool check(const struct fixture *f, uint64_t now) {
	return source_cookie_check(&f->cookies, now, &f->from, content_of(f), f->cookie);
}

static void setup(struct fixture *f) {
	memset(f, 0, sizeof *f);
	draws = 0;
	source_cookie_init(&f->cookies);
	assert_int_equal(endpoint_parse("192.0.2.1:51820", &f->from), ERR_OK);
	memset(f->content, 0x77, sizeof f->content);
}

static void known_answers(void **state) {
	for (size_t i = 0; i < sizeof source_cookie_vectors / sizeof *source_cookie_vectors; i++) {
		const struct source_cookie_vector *v = &source_cookie_vectors[i];
		const struct slice content = slice_of(v->content, v->content_size);
		struct fixture f;
		setup(&f);
		assert_int_equal(address_parse(v->address, &f.from.address), ERR_OK);
		f.from.port = v->port;
		assert_int_equal(source_cookie_make(&f.cookies, &source, START, &f.from, content, f.cookie),
						 ERR_OK);
		assert_memory_equal(f.cookie, v->cookie, sizeof v->cookie);
		assert_true(source_cookie_check(&f.cookies, START, &f.from, content, v->cookie));
	}
}

static void covers_address_port_and_content(void **state) {
	struct fixture f;
	setup(&f);
	make(&f, START);
	assert_true(check(&f, START));
	for (size_t i = 0; i < ADDRESS_V4_SIZE; i++) {
		f.from.address.bytes[i] ^= 1;
		assert_false(check(&f, START));
		f.from.address.bytes[i] ^= 1;
	}
	for (unsigned bit = 0; bit < 16; bit++) {
		f.from.port ^= (uint16_t)(1 << bit);
		assert_false(check(&f, START));
		f.from.port ^= (uint16_t)(1 << bit);
	}
	for (size_t i = 0; i < sizeof f.content; i++) {
		f.content[i] ^= 0x80;
		assert_false(check(&f, START));
		f.content[i] ^= 0x80;
	}
	assert_false(source_cookie_check(&f.cookies, START, &f.from,
									 slice_of(f.content, sizeof f.content - 1), f.cookie));
	for (size_t i = 0; i < sizeof f.cookie; i++) {
		f.cookie[i] ^= 1;
		assert_false(check(&f, START));
		f.cookie[i] ^= 1;
	}
	assert_true(check(&f, START));
}

static void nothing_is_good_before_the_first(void **state) {
	struct fixture f;
	setup(&f);
	for (uint64_t now = 0; now <= 2 * AGE; now += AGE)
		assert_false(check(&f, now));
	/* Nor is what a secret of zeros makes. */
	make(&f, START);
	struct fixture g;
	setup(&g);
	memset(g.cookies.secrets, 0, sizeof g.cookies.secrets);
	memcpy(g.cookie, f.cookie, sizeof g.cookie);
	assert_false(check(&g, START));
	assert_int_equal(draws, 0);
}

static void secrets_change_and_the_one_before_is_taken(void **state) {
	struct fixture f;
	uint8_t first[SOURCE_COOKIE_SIZE];
	setup(&f);
	make(&f, START);
	memcpy(first, f.cookie, sizeof first);
	make(&f, START + AGE - 1);
	assert_memory_equal(f.cookie, first, sizeof first); /* the same secret */
	assert_int_equal(draws, 1);
	make(&f, START + AGE);
	assert_memory_not_equal(f.cookie, first, sizeof first);
	assert_int_equal(draws, 2);
	assert_true(check(&f, START + AGE));
	memcpy(f.cookie, first, sizeof first);
	assert_true(check(&f, START + AGE));
	assert_true(check(&f, START + 2 * AGE - 1));
	assert_false(check(&f, START + 2 * AGE));
	/* A third secret: the first is gone. */
	make(&f, START + 2 * AGE);
	memcpy(f.cookie, first, sizeof first);
	assert_false(check(&f, START + 2 * AGE));
	assert_false(check(&f, START + AGE));
}

/* Without another that is made, a cookie is as good for as long. */
static void age_counts_without_renewal(void **state) {
	struct fixture f;
	setup(&f);
	make(&f, START);
	assert_true(check(&f, START + AGE));
	assert_true(check(&f, START + 2 * AGE - 1));
	assert_false(check(&f, START + 2 * AGE));
	assert_false(check(&f, START - 1)); /* nor before it was made */
	/* The clock went back: a fresh secret. */
	make(&f, START - 1);
	assert_int_equal(draws, 2);
	assert_true(check(&f, START - 1));
}

static void done_wipes(void **state) {
	struct fixture f;
	setup(&f);
	make(&f, START);
	make(&f, START + AGE);
	source_cookie_done(&f.cookies);
	assert_true(wipe_is_zero(&f.cookies, sizeof f.cookies));
	assert_false(check(&f, START + AGE));
	source_cookie_done(&f.cookies);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(covers_address_port_and_content),
		cmocka_unit_test(nothing_is_good_before_the_first),
		cmocka_unit_test(secrets_change_and_the_one_before_is_taken),
		cmocka_unit_test(age_counts_without_renewal),
		cmocka_unit_test(done_wipes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
