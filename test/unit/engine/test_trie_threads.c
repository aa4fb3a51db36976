#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "engine/trie.h"

/*
 * Readers look addresses up in the newest view while the editor goes on. Version v holds, for
 * every host, the value v % VALUES, and the default route &values[VALUES]; each reader must see
 * one value alone in a view, and the views in their order.
 */
enum { READERS = 2, VERSIONS = 400, HOSTS = 64, VALUES = 5, ALIVE_MAX = 6 };

struct published {
	const struct trie_view *view;
	unsigned version;
};

struct shared {
	int values[VALUES + 1];
	struct published versions[VERSIONS];
	_Atomic(const struct published *) newest;
	atomic_uint in_use[READERS]; /* the oldest version that a reader may still look into */
	atomic_bool stop;
};

struct reader {
	struct shared *shared;
	size_t number;
	uint64_t wrong, lookups;
};

static struct prefix host_prefix(unsigned host, bool v4) {
	uint8_t bytes[16] = {10, (uint8_t)(host * 37), (uint8_t)host, 1};
	return (struct prefix){
		.address = address_from_bytes(v4 ? ADDRESS_V4 : ADDRESS_V6, bytes),
		.length = v4 ? 32 : 128,
	};
}

static void *lookup_host(const struct trie_view *view, unsigned host, bool v4) {
	struct prefix prefix = host_prefix(host, v4);
	return v4 ? trie_lookup_v4(view, prefix.address.bytes)
			  : trie_lookup_v6(view, prefix.address.bytes);
}

static void *read_views(void *context) {
	struct reader *reader = context;
	struct shared *shared = reader->shared;
	unsigned last = 0;
	while (!atomic_load(&shared->stop)) {
		const struct published *newest = atomic_load(&shared->newest);
		reader->wrong += newest->version < last;
		last = newest->version;
		/* Having seen this version, the reader never goes back to an older one. */
		atomic_store(&shared->in_use[reader->number], last);
		const int *expected = &shared->values[last % VALUES];
		for (unsigned host = 0; host < HOSTS; host++)
			for (unsigned v4 = 0; v4 < 2; v4++)
				reader->wrong += lookup_host(newest->view, host, v4) != expected;
		const uint8_t elsewhere[4] = {192, 0, 2, 1};
		reader->wrong += trie_lookup_v4(newest->view, elsewhere) != &shared->values[VALUES];
		reader->lookups += 2 * HOSTS + 1;
	}
	return NULL;
}

static unsigned oldest_in_use(struct shared *shared) {
	unsigned oldest = atomic_load(&shared->in_use[0]);
	for (size_t i = 1; i < READERS; i++) {
		unsigned version = atomic_load(&shared->in_use[i]);
		oldest = version < oldest ? version : oldest;
	}
	return oldest;
}

static void publish_version(struct shared *shared, struct trie *trie, unsigned version) {
	for (unsigned host = 0; host < HOSTS; host++)
		for (unsigned v4 = 0; v4 < 2; v4++) {
			struct prefix prefix = host_prefix(host, v4);
			/* Every third host goes and comes back, so that nodes are made and collapse too. */
			if (version > 0 && host % 3 == version % 3)
				assert_int_equal(trie_remove(trie, &prefix), ERR_OK);
			assert_int_equal(trie_insert(trie, &prefix, &shared->values[version % VALUES]), ERR_OK);
		}
	shared->versions[version].version = version;
	assert_int_equal(trie_publish(trie, &shared->versions[version].view), ERR_OK);
	atomic_store(&shared->newest, &shared->versions[version]);
}

static void test_lookups_while_the_editor_edits(void **state) {
	static struct shared shared;
	struct trie *trie = NULL;
	assert_int_equal(trie_new(&trie), ERR_OK);
	struct prefix all = {.address = {.family = ADDRESS_V4}};
	assert_int_equal(trie_insert(trie, &all, &shared.values[VALUES]), ERR_OK);
	publish_version(&shared, trie, 0);

	pthread_t threads[READERS];
	struct reader readers[READERS];
	for (size_t i = 0; i < READERS; i++) {
		readers[i] = (struct reader){.shared = &shared, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, read_views, &readers[i]), 0);
	}
	unsigned released = 0;
	for (unsigned version = 1; version < VERSIONS; version++) {
		publish_version(&shared, trie, version);
		do {
			for (unsigned oldest = oldest_in_use(&shared); released < oldest; released++)
				trie_view_release(trie, shared.versions[released].view);
			if (version - released >= ALIVE_MAX)
				(void)sched_yield();
		} while (version - released >= ALIVE_MAX);
	}
	atomic_store(&shared.stop, true);
	for (size_t i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(readers[i].wrong, 0);
		assert_true(readers[i].lookups > 0);
	}
	for (; released < VERSIONS; released++)
		trie_view_release(trie, shared.versions[released].view);
	assert_true(trie_node_count(trie) < 4 * HOSTS + 1);
	trie_free(trie);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookups_while_the_editor_edits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
