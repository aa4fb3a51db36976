#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "session/allowed.h"

static void zero_fill(void *context, void *out_data, size_t size) {
	memset(out_data, 0, size);
}

static const struct random_source zeros = {zero_fill, NULL};

/* A client of its own for each number. */
static struct allowed_client numbered(uint32_t number) {
	struct allowed_client client = {.public_key = {1}};
	memcpy(client.public_key + 28, &number, sizeof number);
	(void)snprintf(client.name, sizeof client.name, "client %u", (unsigned)number);
	return client;
}

static enum err make(const struct allowed_client *clients, size_t count,
					 struct allowed **out_allowed) {
	return allowed_new(clients, count, &zeros, NULL, out_allowed);
}

static void finds(void **state) {
	enum { COUNT = 1000 };
	struct allowed_client clients[COUNT];
	struct allowed *allowed = NULL;
	for (uint32_t i = 0; i < COUNT; i++)
		clients[i] = numbered(i);
	assert_int_equal(make(clients, COUNT, &allowed), ERR_OK);
	assert_int_equal(allowed_count(allowed), COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		const struct allowed_client *found = allowed_find(allowed, clients[i].public_key);
		assert_non_null(found);
		assert_string_equal(found->name, clients[i].name);
		assert_ptr_equal(allowed_named(allowed, clients[i].name), found);
		assert_ptr_equal(allowed_at(allowed, i), found);
		struct allowed_client stranger = clients[i];
		stranger.public_key[i % 28] ^= 0x80;
		assert_null(allowed_find(allowed, stranger.public_key));
	}
	assert_null(allowed_at(allowed, COUNT));
	assert_null(allowed_named(allowed, "client"));
	assert_null(allowed_named(allowed, ""));
	allowed_free(allowed);
}

static void empty(void **state) {
	struct allowed *allowed = NULL;
	const struct allowed_client client = numbered(1);
	assert_int_equal(make(NULL, 0, &allowed), ERR_OK);
	assert_int_equal(allowed_count(allowed), 0);
	assert_null(allowed_find(allowed, client.public_key));
	assert_null(allowed_named(allowed, client.name));
	allowed_free(allowed);
	allowed_free(NULL);
}

/* It keeps copies: the caller's may go. */
static void keeps_copies(void **state) {
	struct allowed *allowed = NULL;
	struct allowed_client client = numbered(7);
	const struct allowed_client copy = client;
	assert_int_equal(make(&client, 1, &allowed), ERR_OK);
	memset(&client, 0xff, sizeof client);
	assert_string_equal(allowed_find(allowed, copy.public_key)->name, copy.name);
	allowed_free(allowed);
}

static void refused(const struct allowed_client *second, enum err expected) {
	struct allowed *allowed = NULL;
	size_t place = 99;
	const struct allowed_client clients[] = {numbered(1), *second};
	assert_int_equal(allowed_new(clients, 2, &zeros, &place, &allowed), expected);
	assert_int_equal(place, 1);
	assert_null(allowed);
}

static void refuses(void **state) {
	struct allowed_client client = numbered(2);
	memcpy(client.public_key, numbered(1).public_key, sizeof client.public_key);
	refused(&client, ERR_EXISTS);
	client = numbered(2);
	memcpy(client.name, numbered(1).name, sizeof client.name);
	refused(&client, ERR_EXISTS);
	client = numbered(2);
	memset(client.public_key, 0, sizeof client.public_key);
	refused(&client, ERR_INVALID);
	client = numbered(2);
	client.name[0] = '\0';
	refused(&client, ERR_INVALID);
	client = numbered(2);
	memset(client.name, 'x', sizeof client.name);
	refused(&client, ERR_INVALID);
	client = numbered(2);
	client.name[3] = '\n';
	refused(&client, ERR_INVALID);
	client.name[3] = 0x7f;
	refused(&client, ERR_INVALID);
}

static void limit(void **state) {
	struct allowed *allowed = NULL;
	auto_free struct allowed_client *clients = calloc(ALLOWED_MAX, sizeof *clients);
	assert_non_null(clients);
	for (uint32_t i = 0; i < ALLOWED_MAX; i++)
		clients[i] = numbered(i);
	assert_int_equal(make(clients, ALLOWED_MAX + 1, &allowed), ERR_LIMIT);
	assert_int_equal(make(clients, ALLOWED_MAX, &allowed), ERR_OK);
	assert_non_null(allowed_find(allowed, clients[ALLOWED_MAX - 1].public_key));
	allowed_free(allowed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),   cmocka_unit_test(empty), cmocka_unit_test(keeps_copies),
		cmocka_unit_test(refuses), cmocka_unit_test(limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
