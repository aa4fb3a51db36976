#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "engine/inbox.h"

static void test_order_and_wakes(void **state) {
	struct inbox inbox;
	inbox_init(&inbox);
	assert_null(inbox_take_all(&inbox));
	struct inbox_item items[4];
	for (unsigned round = 0; round < 3; round++) {
		assert_true(inbox_push(&inbox, &items[0]));
		for (size_t i = 1; i < 4; i++)
			assert_false(inbox_push(&inbox, &items[i]));
		const struct inbox_item *item = inbox_take_all(&inbox);
		for (size_t i = 0; i < 4; i++, item = item->next)
			assert_ptr_equal(item, &items[i]);
		assert_null(item);
		assert_null(inbox_take_all(&inbox));
	}
	assert_true(inbox_push(&inbox, &items[3]));
	assert_ptr_equal(inbox_take_all(&inbox), &items[3]);
	assert_null(items[3].next);
}

enum { PRODUCERS = 3, MESSAGES = 4000 };

struct message {
	struct inbox_item item;
	size_t producer, number;
};

struct producer {
	struct inbox *inbox;
	size_t number;
	size_t wakes; /* how often the inbox was empty */
};

static void *produce(void *context) {
	struct producer *producer = context;
	for (size_t i = 0; i < MESSAGES; i++) {
		struct message *message = malloc(sizeof *message);
		if (!message)
			abort();
		message->producer = producer->number;
		message->number = i;
		producer->wakes += inbox_push(producer->inbox, &message->item);
	}
	return NULL;
}

static void test_many_producers(void **state) {
	struct inbox inbox;
	inbox_init(&inbox);
	pthread_t threads[PRODUCERS];
	struct producer producers[PRODUCERS];
	for (size_t i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){.inbox = &inbox, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	}
	size_t next[PRODUCERS] = {0}, total = 0, batches = 0;
	while (total < (size_t)PRODUCERS * MESSAGES) {
		struct inbox_item *item = inbox_take_all(&inbox);
		if (item)
			batches++;
		else
			(void)sched_yield();
		while (item) {
			struct message *message = (struct message *)item;
			item = item->next;
			assert_int_equal(message->number, next[message->producer]++);
			free(message);
			total++;
		}
	}
	/* Every batch that was taken had told exactly one producer to wake the consumer. */
	size_t wakes = 0;
	for (size_t i = 0; i < PRODUCERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(next[i], MESSAGES);
		wakes += producers[i].wakes;
	}
	assert_int_equal(wakes, batches);
	assert_null(inbox_take_all(&inbox));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_wakes),
		cmocka_unit_test(test_many_producers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
