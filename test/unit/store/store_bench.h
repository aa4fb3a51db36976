#pragma once

/* A store in a folder of its own, for tests; behind cmocka's headers. */

#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"

struct store_bench {
	char folder[64], path[96];
	struct store *store;
};

static inline void store_bench_open(struct store_bench *bench) {
	char problem[STORE_PROBLEM_SIZE];
	enum err error = store_open(bench->path, &bench->store, problem);
	if (error)
		print_message("%s\n", problem);
	assert_int_equal(error, ERR_OK);
}

/* As after a restart. */
static inline void store_bench_reopen(struct store_bench *bench) {
	store_close(bench->store);
	store_bench_open(bench);
}

static inline int store_bench_set_up(void **state) {
	struct store_bench *bench = calloc(1, sizeof *bench);
	assert_non_null(bench);
	(void)snprintf(bench->folder, sizeof bench->folder, "/tmp/umbra-store-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	(void)snprintf(bench->path, sizeof bench->path, "%s/umbra.db", bench->folder);
	store_bench_open(bench);
	*state = bench;
	return 0;
}

static inline int store_bench_tear_down(void **state) {
	static const char *const ends[] = {"/umbra.db", "/umbra.db-wal", "/umbra.db-shm", ""};
	struct store_bench *bench = *state;
	char path[96];
	store_close(bench->store);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		(void)snprintf(path, sizeof path, "%s%s", bench->folder, ends[i]);
		(void)remove(path);
	}
	free(bench);
	return 0;
}
