#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/process.h"
#include "wire/process_login.h"

static const uint8_t example[] = "\1\2\4\xc0\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0\xca\x6c\0\0\0\0"
								 "\5alice"
								 "\0\6secret";
enum { EXAMPLE_SIZE = sizeof example - 1 };

static struct process_login example_login(void) {
	struct process_login login = {
		.user = slice_of_text("alice"), .password = slice_of_text("secret"), .stream = true};
	assert_int_equal(endpoint_parse("192.0.2.1:51820", &login.from), ERR_OK);
	return login;
}

static void assert_same(const struct process_login *one, const struct process_login *two) {
	assert_int_equal(one->user.size, two->user.size);
	assert_memory_equal(one->user.data, two->user.data, two->user.size);
	assert_int_equal(one->password.size, two->password.size);
	if (two->password.size > 0)
		assert_memory_equal(one->password.data, two->password.data, two->password.size);
	assert_true(endpoint_equal(&one->from, &two->from));
	assert_int_equal(one->by_certificate, two->by_certificate);
	assert_int_equal(one->stream, two->stream);
}

static void test_known_bytes(void **state) {
	uint8_t data[PROCESS_LOGIN_SIZE_MAX];
	size_t size;
	const struct process_login login = example_login();
	struct process_login read;
	assert_int_equal(process_login_encode(&login, data, &size), ERR_OK);
	assert_int_equal(size, EXAMPLE_SIZE);
	assert_memory_equal(data, example, size);
	assert_int_equal(process_login_decode(example, EXAMPLE_SIZE, &read), ERR_OK);
	assert_same(&read, &login);
}

/* The largest there can be has just the room that is said. */
static void test_full(void **state) {
	static uint8_t bytes[PROCESS_LOGIN_PASSWORD_MAX + 1], data[PROCESS_LOGIN_SIZE_MAX];
	struct process_login login = {.by_certificate = true}, read;
	size_t size;
	memset(bytes, 'x', sizeof bytes);
	login.user = slice_of(bytes, PROCESS_LOGIN_USER_MAX);
	login.password = slice_of(bytes, PROCESS_LOGIN_PASSWORD_MAX);
	assert_int_equal(endpoint_parse("[2001:db8::1]:1", &login.from), ERR_OK);
	login.from.scope_id = 7;
	assert_int_equal(process_login_encode(&login, data, &size), ERR_OK);
	assert_int_equal(size, PROCESS_LOGIN_SIZE_MAX);
	assert_int_equal(process_login_decode(data, size, &read), ERR_OK);
	assert_same(&read, &login);
	login.user.size++;
	assert_int_equal(process_login_encode(&login, data, &size), ERR_INVALID);
	login.user.size--;
	login.password.size++;
	assert_int_equal(process_login_encode(&login, data, &size), ERR_INVALID);
	login.password.size = 0; /* a certificate is enough */
	assert_int_equal(process_login_encode(&login, data, &size), ERR_OK);
	assert_int_equal(process_login_decode(data, size, &read), ERR_OK);
	assert_same(&read, &login);
	login.by_certificate = false;
	assert_int_equal(process_login_encode(&login, data, &size), ERR_INVALID);
}

static void test_every_other_size(void **state) {
	struct process_login read, before;
	uint8_t data[EXAMPLE_SIZE + 1] = {0};
	memset(&read, 0xee, sizeof read);
	memcpy(&before, &read, sizeof read);
	memcpy(data, example, EXAMPLE_SIZE);
	for (size_t size = 0; size <= sizeof data; size++) {
		if (size == EXAMPLE_SIZE)
			continue;
		assert_int_equal(process_login_decode(data, size, &read),
						 size < EXAMPLE_SIZE ? ERR_TRUNCATED : ERR_TRAILING);
		assert_memory_equal(&read, &before, sizeof read);
	}
}

/* One byte of the example changed. */
static void test_refused(void **state) {
	static const struct {
		size_t offset;
		uint8_t value;
		enum err error;
	} cases[] = {
		{0, 0, ERR_UNSUPPORTED}, {0, 2, ERR_UNSUPPORTED}, {1, 4, ERR_MALFORMED},
		{2, 5, ERR_MALFORMED},   {2, 0, ERR_MALFORMED},   {7, 1, ERR_MALFORMED},
		{24, 1, ERR_MALFORMED},  {26, 0, ERR_MALFORMED},  {1, 1, ERR_OK},
		{1, 0, ERR_OK},          {2, 6, ERR_OK},
	};
	struct process_login read;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t data[EXAMPLE_SIZE];
		memcpy(data, example, sizeof data);
		data[cases[i].offset] = cases[i].value;
		assert_int_equal(process_login_decode(data, sizeof data, &read), cases[i].error);
	}
	struct process_login login = example_login();
	login.from.port = 0;
	uint8_t data[PROCESS_LOGIN_SIZE_MAX];
	size_t size;
	assert_int_equal(process_login_encode(&login, data, &size), ERR_INVALID);
	login = example_login();
	login.user.size = 0;
	assert_int_equal(process_login_encode(&login, data, &size), ERR_INVALID);
}

static void assert_encodes(const struct process_message *message, bool good) {
	uint8_t data[PROCESS_MESSAGE_MAX];
	size_t size;
	assert_int_equal(process_encode(message, data, &size), good ? ERR_OK : ERR_INVALID);
}

/* The messages around it. */
static void test_messages(void **state) {
	struct process_message message = (struct process_message){.type = PROCESS_LOGIN, .login = {0}};
	assert_encodes(&message, false);
	message = (struct process_message){.type = PROCESS_VERDICT, .verdict = {2, 0, {1}, false}};
	message.verdict.reject = PROCESS_REJECT_ADDRESS;
	assert_encodes(&message, false); /* a member who was not let in */
	memset(message.verdict.public_key, 0, sizeof message.verdict.public_key);
	assert_encodes(&message, true);
	message.verdict.reject = PROCESS_REJECTS;
	assert_encodes(&message, false);
	message.verdict.reject = PROCESS_ACCEPTED;
	assert_encodes(&message, false); /* nobody, let in */
	message = (struct process_message){.type = PROCESS_TICKET, .ticket = {{1}, {2}, 5, 1, {6}}};
	message.ticket.size = PROCESS_TICKET_MAX;
	assert_encodes(&message, true);
	message.ticket.size++;
	assert_encodes(&message, false);
	message.ticket.size = 0;
	assert_encodes(&message, false); /* what is no ticket has neither hash nor end */
	memset(message.ticket.hash, 0, sizeof message.ticket.hash);
	assert_encodes(&message, false);
	message.ticket.until = 0;
	assert_encodes(&message, true);
	message.ticket.size = 1;
	assert_encodes(&message, false);
	message = (struct process_message){.type = PROCESS_USED};
	assert_encodes(&message, false);
	message = (struct process_message){.type = PROCESS_EVENT};
	memset(message.event.text, 'x', sizeof message.event.text);
	assert_encodes(&message, false);
	message.event.text[PROCESS_TEXT_SIZE - 1] = '\0';
	assert_encodes(&message, true);
	message.event.kind = PROCESS_EVENT_REFUSED + 1;
	assert_encodes(&message, false);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_bytes),      cmocka_unit_test(test_full),
		cmocka_unit_test(test_every_other_size), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
