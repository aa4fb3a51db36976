#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/slice.h"

struct found {
	enum err first, second, odd, batch;
	bool other;       /* the policy that has slices */
	uint64_t runtime; /* as the kernel says */
	int nice, nice_before;
};

/* In a thread of its own: what it asks for ends with it. */
static void *ask(void *context) {
	struct found *found = context;
	id_t thread = (id_t)syscall(SYS_gettid);
	const struct sched_param none = {.sched_priority = 0};
	/* Whoever starts the test may have chosen another one. */
	found->other = sched_setscheduler(0, SCHED_OTHER, &none) == 0;
	/* Not 0, and nothing that takes a right. */
	(void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + 3);
	found->nice_before = getpriority(PRIO_PROCESS, thread);
	found->first = slice_request(500000);
	uint64_t words[6] = {0};
	if (syscall(SYS_sched_getattr, 0, words, sizeof words, 0) == 0)
		found->runtime = words[3];
	found->nice = getpriority(PRIO_PROCESS, thread);
	found->second = slice_request(1000000);
	found->odd = slice_request(0);
	(void)sched_setscheduler(0, SCHED_BATCH, &none);
	found->batch = slice_request(500000);
	return NULL;
}

static void test_request(void **state) {
	struct found found;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, ask, &found), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (!found.other)
		skip();
	assert_int_equal(found.first, ERR_OK);
	assert_int_equal(found.second, ERR_OK);
	assert_int_equal(found.odd, ERR_OK); /* the kernel's own choice again */
	assert_int_equal(found.nice, found.nice_before);
	/* Kernels that know no such thing say nothing of it. */
	assert_true(found.runtime == 500000 || found.runtime == 0);
	assert_int_equal(found.batch, ERR_UNSUPPORTED);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_request)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
