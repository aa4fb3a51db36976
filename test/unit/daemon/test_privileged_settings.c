#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/privileged_parts.h"
#include "daemon/shared_text.h"
#include "wire/process_settings.h"

enum { SLOT = 3 };

struct fixture {
	struct privileged privileged;
	struct attachment attachment;
	bool takes;
	unsigned calls;
	uint8_t public_key[PROCESS_KEY_SIZE];
	struct interface_settings settings;
};

static bool take(struct privileged *privileged, const struct attachment *attachment,
				 const uint8_t public_key[static PROCESS_KEY_SIZE],
				 const struct interface_settings *settings) {
	struct fixture *fixture = privileged->program;
	assert_ptr_equal(attachment, &fixture->attachment);
	fixture->calls++;
	memcpy(fixture->public_key, public_key, PROCESS_KEY_SIZE);
	fixture->settings = *settings;
	return fixture->takes;
}

static const struct privileged_ops ops = {.settings = take}, ops_without = {.gone = NULL};

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	log_init(LOG_SILENT, "test");
	if (!fixture)
		return -1;
	fixture->privileged.ops = &ops;
	fixture->privileged.program = fixture;
	fixture->privileged.attachments[SLOT] = &fixture->attachment;
	fixture->attachment.privileged = &fixture->privileged;
	fixture->takes = true;
	return 0;
}

static int close_fixture(void **state) {
	free(*state);
	return 0;
}

static const struct interface_settings example = {.mtu = 1300};

static int memory_of(const struct interface_settings *settings) {
	uint8_t data[PROCESS_SETTINGS_SIZE_MAX];
	size_t size;
	int descriptor;
	assert_int_equal(process_settings_encode(settings, data, &size), ERR_OK);
	assert_int_equal(shared_text_new(slice_of(data, size), &descriptor), ERR_OK);
	return descriptor;
}

static bool say(struct fixture *fixture, uint16_t slot, int descriptor) {
	const struct channel_message message = {
		.message = {.type = PROCESS_SETTINGS, .tunnel = slot, .settings = {{1, 2, [31] = 3}}},
		.descriptors = {descriptor},
		.count = 1,
	};
	bool taken = privileged_take_settings(&fixture->privileged, &message);
	(void)close(descriptor);
	return taken;
}

static void test_taken(void **state) {
	struct fixture *fixture = *state;
	assert_true(say(fixture, SLOT, memory_of(&example)));
	assert_int_equal(fixture->calls, 1);
	assert_true(interface_settings_equal(&fixture->settings, &example));
	assert_memory_equal(fixture->public_key, ((uint8_t[PROCESS_KEY_SIZE]){1, 2, [31] = 3}),
						PROCESS_KEY_SIZE);
	assert_int_equal(fixture->privileged.refused, 0);
	assert_true(say(fixture, SLOT + 1, memory_of(&example))); /* it was taken down */
	assert_int_equal(fixture->calls, 1);
	assert_int_equal(fixture->privileged.refused, 0);
}

/* By the program, and by one where nobody says such things. */
static void test_refused(void **state) {
	struct fixture *fixture = *state;
	fixture->takes = false;
	assert_true(say(fixture, SLOT, memory_of(&example)));
	assert_int_equal(fixture->privileged.refused, 1);
	fixture->privileged.ops = &ops_without;
	assert_true(say(fixture, SLOT, memory_of(&example)));
	assert_int_equal(fixture->privileged.refused, 2);
	assert_int_equal(fixture->calls, 1);
}

/* What can still be changed, is too large or is no settings at all ends the process that sends it.
 */
static void test_no_settings(void **state) {
	struct fixture *fixture = *state;
	static const char large[PROCESS_SETTINGS_SIZE_MAX + 1] = {1};
	int descriptor;
	assert_int_equal(shared_text_new(slice_of(large, sizeof large), &descriptor), ERR_OK);
	assert_false(say(fixture, SLOT, descriptor));
	assert_int_equal(shared_text_new(slice_of_text("settings"), &descriptor), ERR_OK);
	assert_false(say(fixture, SLOT, descriptor));
	assert_int_equal(shared_text_new(slice_of_text(""), &descriptor), ERR_OK);
	assert_false(say(fixture, SLOT, descriptor));
	descriptor = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(descriptor, "\1", 1), 1);
	assert_false(say(fixture, SLOT, descriptor));
	assert_false(say(fixture, SLOT, dup(0)));
	assert_int_equal(fixture->calls, 0);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_taken),
		row(test_refused),
		row(test_no_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
