#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop/control_loop.h"
#include "loop/control_work.h"

struct desk {
	struct control_loop *loop;
	pthread_t ran_by, done_by;
	int nice, own_nice; /* of who ran it, of the loop's thread */
	unsigned left;
};

static void work(void *context) {
	struct desk *desk = context;
	desk->ran_by = pthread_self();
	desk->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
}

static void done(void *context) {
	struct desk *desk = context;
	desk->done_by = pthread_self();
	desk->own_nice = getpriority(PRIO_PROCESS, (id_t)gettid());
	if (--desk->left == 0)
		control_loop_stop(desk->loop);
}

static void test_beside_the_loop(void **state) {
	struct desk desk = {.left = 1};
	assert_int_equal(control_loop_new(&desk.loop), ERR_OK);
	int before = getpriority(PRIO_PROCESS, (id_t)gettid());
	assert_int_equal(control_work_start(desk.loop, work, done, &desk), ERR_OK);
	control_loop_run(desk.loop);
	assert_int_equal(desk.left, 0);
	assert_true(pthread_equal(desk.done_by, pthread_self()));
	assert_false(pthread_equal(desk.ran_by, pthread_self()));
	assert_int_equal(desk.own_nice, before);
	assert_true(desk.nice >= before && desk.nice >= 10);
	control_loop_free(desk.loop);
}

static void test_several(void **state) {
	struct desk desks[8];
	struct control_loop *loop;
	assert_int_equal(control_loop_new(&loop), ERR_OK);
	for (size_t i = 0; i < 8; i++) {
		desks[i] = (struct desk){.loop = loop, .left = 1};
		assert_int_equal(control_work_start(loop, work, done, &desks[i]), ERR_OK);
	}
	control_work_finish(loop);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(desks[i].left, 0);
	control_loop_free(loop);
	assert_true(control_work_processors() >= 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beside_the_loop),
		cmocka_unit_test(test_several),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
