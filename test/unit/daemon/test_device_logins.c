#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/device_logins.h"
#include "daemon/shared_text.h"
#include "wire/process_login.h"

/* What the control process was told last. */
static struct process_message told;
static unsigned count;
static char *memory;
static size_t memory_size;
static enum err answer;

static enum err tell(void *context, struct process_message *message, int descriptor) {
	told = *message;
	count++;
	if (descriptor >= 0) {
		assert_int_equal(shared_text_read(descriptor, &memory, &memory_size), ERR_OK);
		assert_int_equal(close(descriptor), 0);
	}
	return answer;
}

static const struct net_start start = {.callbacks = {.tell = tell}};
static const uint8_t key[32] = {1, 2, [31] = 3};

static int prepare(void **state) {
	log_init(LOG_SILENT, "test");
	memset(&told, 0, sizeof told);
	count = 0;
	answer = ERR_OK;
	return 0;
}

static struct device_login login_of(const char *user, const char *password) {
	struct device_login login = {
		.id = 7, .user = slice_of_text(user), .password = slice_of_text(password), .stream = true};
	assert_int_equal(endpoint_parse("192.0.2.1:4711", &login.from), ERR_OK);
	return login;
}

static void test_login(void **state) {
	const struct device_login login = login_of("alice", "secret");
	struct process_login read;
	assert_int_equal(device_logins_ask(&start.callbacks, &login), ERR_OK);
	assert_int_equal(told.type, PROCESS_LOGIN);
	assert_int_equal(told.login.id, 7);
	assert_int_equal(process_login_decode((const uint8_t *)memory, memory_size, &read), ERR_OK);
	assert_int_equal(read.user.size, 5);
	assert_memory_equal(read.user.data, "alice", 5);
	assert_int_equal(read.password.size, 6);
	assert_memory_equal(read.password.data, "secret", 6);
	assert_true(endpoint_equal(&read.from, &login.from));
	assert_true(read.stream);
	assert_false(read.by_certificate);
	free(memory);
	device_logins_abandon(&start.callbacks, 7);
	assert_int_equal(told.type, PROCESS_ABANDON);
	assert_int_equal(told.login.id, 7);
}

/* Who asks learns that nobody will answer. */
static void test_nobody_to_ask(void **state) {
	struct device_login login = login_of("alice", "secret");
	answer = ERR_CLOSED;
	assert_int_equal(device_logins_ask(&start.callbacks, &login), ERR_CLOSED);
	free(memory);
	count = 0;
	login.password.size = 0;
	assert_int_equal(device_logins_ask(&start.callbacks, &login), ERR_INVALID);
	assert_int_equal(count, 0);
}

static void test_ticket(void **state) {
	uint8_t sealed[DEVICE_TICKET_MAX];
	memset(sealed, 5, sizeof sealed);
	struct device_ticket ticket = {
		.hash = {9}, .sealed = slice_of(sealed, sizeof sealed), .until = 1234};
	memcpy(ticket.public_key, key, sizeof key);
	assert_int_equal(device_logins_ticket(&start, &ticket), ERR_OK);
	assert_int_equal(told.type, PROCESS_TICKET);
	assert_memory_equal(told.ticket.public_key, key, sizeof key);
	assert_int_equal(told.ticket.hash[0], 9);
	assert_int_equal(told.ticket.until, 1234);
	assert_int_equal(told.ticket.size, DEVICE_TICKET_MAX);
	assert_memory_equal(told.ticket.sealed, sealed, sizeof sealed);
	uint8_t data[PROCESS_MESSAGE_MAX];
	size_t size;
	ticket.sealed.size = 0;
	answer = ERR_LIMIT;
	assert_int_equal(device_logins_ticket(&start, &ticket), ERR_LIMIT);
	answer = ERR_OK;
	assert_int_equal(told.ticket.size, 0);
	assert_int_equal(process_encode(&told, data, &size), ERR_OK);
}

static void test_used(void **state) {
	assert_int_equal(device_logins_used(&start, key, 0), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(device_logins_used(&start, key, 4096), ERR_OK);
	assert_int_equal(told.type, PROCESS_USED);
	assert_memory_equal(told.used.public_key, key, sizeof key);
	assert_int_equal(told.used.bytes, 4096);
	/* Who counts learns that it was not told. */
	answer = ERR_LIMIT;
	assert_int_equal(device_logins_used(&start, key, 1), ERR_LIMIT);
}

static struct device_verdict judged;

static void take(struct device *device, const struct device_verdict *verdict) {
	judged = *verdict;
}

static void test_verdict(void **state) {
	static const struct device_ops ops = {.verdict = take};
	struct process_verdict verdict = {.id = 7, .loaded = true};
	memcpy(verdict.public_key, key, sizeof key);
	device_logins_judge(&ops, NULL, &verdict);
	assert_int_equal(judged.id, 7);
	assert_int_equal(judged.reject, DEVICE_ACCEPTED);
	assert_memory_equal(judged.public_key, key, sizeof key);
	assert_true(judged.loaded);
	for (uint8_t reject = 0; reject < PROCESS_REJECTS; reject++) {
		verdict.reject = reject;
		device_logins_judge(&ops, NULL, &verdict);
		assert_int_equal(judged.reject, reject);
	}
	assert_int_equal(DEVICE_REJECTS, PROCESS_REJECTS);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_login, prepare),
		cmocka_unit_test_setup(test_nobody_to_ask, prepare),
		cmocka_unit_test_setup(test_ticket, prepare),
		cmocka_unit_test_setup(test_used, prepare),
		cmocka_unit_test_setup(test_verdict, prepare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
