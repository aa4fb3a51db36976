#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/control_pending.h"

struct asker {
	struct control_pending *pending;
	unsigned calls;
	int number, descriptor;
	char text[64];
	unsigned again; /* how often to ask anew from inside done() */
	uint16_t request;
};

static void done(void *context, const struct control_reply *reply);

static enum err ask(struct asker *asker, enum process_type type, uint64_t deadline) {
	const struct control_asked asked = {
		.type = type, .deadline = deadline, .done = done, .context = asker};
	return control_pending_add(asker->pending, &asked, &asker->request);
}

static void done(void *context, const struct control_reply *reply) {
	struct asker *asker = context;
	asker->calls++;
	asker->number = reply->number;
	asker->descriptor = reply->descriptor;
	strncpy(asker->text, reply->text, sizeof asker->text - 1);
	if (asker->again > 0) {
		asker->again--;
		assert_int_equal(ask(asker, PROCESS_RESULT, CLOCK_NEVER), ERR_OK);
	}
}

static const struct control_reply good = {.text = "fine", .descriptor = -1};

static void test_answers_once(void **state) {
	static struct control_pending pending;
	struct asker asker = {.pending = &pending};
	assert_int_equal(ask(&asker, PROCESS_RESULT, CLOCK_NEVER), ERR_OK);
	assert_int_not_equal(asker.request, 0);
	control_pending_answer(&pending, PROCESS_RESULT, (uint16_t)(asker.request + 1), &good);
	control_pending_answer(&pending, PROCESS_RESULT, 0, &good);
	assert_int_equal(asker.calls, 0);
	control_pending_answer(&pending, PROCESS_RESULT, asker.request, &good);
	control_pending_answer(&pending, PROCESS_RESULT, asker.request, &good);
	assert_int_equal(asker.calls, 1);
	assert_int_equal(asker.number, 0);
	assert_string_equal(asker.text, "fine");
	assert_int_equal(pending.count, 0);
}

static void test_the_kind_of_the_reply_counts(void **state) {
	static struct control_pending pending;
	struct asker asker = {.pending = &pending};
	assert_int_equal(ask(&asker, PROCESS_TEXT, CLOCK_NEVER), ERR_OK);
	/* A success must bring the text. */
	control_pending_answer(&pending, PROCESS_RESULT, asker.request, &good);
	assert_int_equal(asker.calls, 0);
	const struct control_reply refused = {.number = ENODEV, .text = "", .descriptor = -1};
	control_pending_answer(&pending, PROCESS_RESULT, asker.request, &refused);
	assert_int_equal(asker.calls, 1);
	assert_int_equal(asker.number, ENODEV);
	assert_int_equal(ask(&asker, PROCESS_RESULT, CLOCK_NEVER), ERR_OK);
	control_pending_answer(&pending, PROCESS_TEXT, asker.request, &good);
	assert_int_equal(asker.calls, 1);
	control_pending_forget(&pending, asker.request);
	control_pending_answer(&pending, PROCESS_RESULT, asker.request, &good);
	assert_int_equal(asker.calls, 1);
}

static void test_is_bounded(void **state) {
	static struct control_pending pending;
	struct asker asker = {.pending = &pending};
	for (int i = 0; i < CONTROL_PENDING_MAX; i++)
		assert_int_equal(ask(&asker, PROCESS_RESULT, CLOCK_NEVER), ERR_OK);
	uint16_t last = asker.request;
	assert_int_equal(ask(&asker, PROCESS_RESULT, CLOCK_NEVER), ERR_LIMIT);
	control_pending_answer(&pending, PROCESS_RESULT, last, &good);
	assert_int_equal(ask(&asker, PROCESS_RESULT, CLOCK_NEVER), ERR_OK);
	control_pending_fail(&pending, EPIPE, "gone");
	assert_int_equal(asker.calls, CONTROL_PENDING_MAX + 1);
	assert_int_equal(asker.number, EPIPE);
	assert_int_equal(pending.count, 0);
}

/* Numbers go around, pass over 0 and those that still wait. */
static void test_numbers(void **state) {
	static struct control_pending pending;
	struct asker patient = {.pending = &pending}, asker = {.pending = &pending};
	assert_int_equal(ask(&patient, PROCESS_RESULT, CLOCK_NEVER), ERR_OK);
	for (unsigned i = 0; i < 3 * 65536; i++) {
		assert_int_equal(ask(&asker, PROCESS_RESULT, CLOCK_NEVER), ERR_OK);
		assert_int_not_equal(asker.request, 0);
		assert_int_not_equal(asker.request, patient.request);
		control_pending_answer(&pending, PROCESS_RESULT, asker.request, &good);
	}
	assert_int_equal(patient.calls, 0);
	assert_int_equal(asker.calls, 3 * 65536);
}

static void test_time_runs_out(void **state) {
	static struct control_pending pending;
	struct asker early = {.pending = &pending}, late = {.pending = &pending};
	assert_true(control_pending_expire(&pending, 5) == CLOCK_NEVER);
	assert_int_equal(ask(&late, PROCESS_RESULT, 20), ERR_OK);
	assert_int_equal(ask(&early, PROCESS_RESULT, 10), ERR_OK);
	assert_int_equal(control_pending_expire(&pending, 9), 10);
	assert_int_equal(early.calls, 0);
	assert_int_equal(control_pending_expire(&pending, 10), 20);
	assert_int_equal(early.calls, 1);
	assert_int_equal(early.number, ETIMEDOUT);
	assert_int_equal(late.calls, 0);
	assert_true(control_pending_expire(&pending, 20) == CLOCK_NEVER);
	assert_int_equal(late.calls, 1);
}

/* Who asks again when told of a failure is not told at once again. */
static void test_asking_again_from_inside(void **state) {
	static struct control_pending pending;
	struct asker asker = {.pending = &pending, .again = 1000};
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&asker, PROCESS_RESULT, CLOCK_NEVER), ERR_OK);
	control_pending_fail(&pending, EPIPE, "gone");
	assert_int_equal(asker.calls, 3);
	assert_int_equal(pending.count, 3);
	control_pending_answer(&pending, PROCESS_RESULT, asker.request, &good);
	assert_int_equal(asker.calls, 4);
	assert_int_equal(pending.count, 3);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_once),  cmocka_unit_test(test_the_kind_of_the_reply_counts),
		cmocka_unit_test(test_is_bounded),    cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_time_runs_out), cmocka_unit_test(test_asking_again_from_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
