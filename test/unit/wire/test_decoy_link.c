#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/decoy_link.h"

enum { SITE = 1, NET = 2 };

static const struct row {
	enum decoy_link_type type;
	unsigned to;
	const char *bytes;
	bool admitted;
} rows[] = {
	{DECOY_LINK_DATA, SITE | NET, "GET / HTTP/1.1", false},
	{DECOY_LINK_END, SITE, "", false},
	{DECOY_LINK_VERDICT, SITE, "", false},
	{DECOY_LINK_VERDICT, SITE, "answer", true},
	{DECOY_LINK_STOP, SITE, "", false},
	{DECOY_LINK_FINISH, NET, "", false},
	{DECOY_LINK_ABORT, NET, "", false},
	{DECOY_LINK_CANDIDATE, NET, "", false},
	{DECOY_LINK_CANDIDATE, NET, "Y29va2ll", false},
	{DECOY_LINK_RAW, NET, "", false},
	{DECOY_LINK_BACK, NET, "\x01", false},
	{DECOY_LINK_CUT, NET, "", false},
};

static struct decoy_link_message message_of(const struct row *row) {
	struct decoy_link_message message = {
		.type = row->type, .bytes = slice_of_text(row->bytes), .admitted = row->admitted};
	if (row->admitted) {
		memset(message.entry.client, 0xc1, sizeof message.entry.client);
		message.entry.timestamp = UINT64_C(0x0102030405060708);
		memset(message.entry.random, 0xab, sizeof message.entry.random);
	}
	return message;
}

static void reads_what_it_writes(void **state) {
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t data[256];
		size_t size = 0;
		struct decoy_link_message message = message_of(&rows[i]), again;
		assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_OK);
		for (unsigned to = SITE; to <= NET; to++) {
			enum err error = decoy_link_decode(to == SITE ? DECOY_LINK_SITE : DECOY_LINK_NET, data,
											   size, &again);
			if (!(rows[i].to & to)) {
				assert_int_equal(error, ERR_MALFORMED);
				continue;
			}
			assert_int_equal(error, ERR_OK);
			assert_int_equal(again.type, message.type);
			assert_int_equal(again.admitted, message.admitted);
			assert_int_equal(again.bytes.size, message.bytes.size);
			if (message.bytes.size > 0)
				assert_memory_equal(again.bytes.data, message.bytes.data, message.bytes.size);
			assert_memory_equal(again.entry.client, message.entry.client, X25519_KEY_SIZE);
			assert_int_equal(again.entry.timestamp, message.entry.timestamp);
			assert_memory_equal(again.entry.random, message.entry.random, DECOY_LINK_RANDOM_SIZE);
		}
		/* Nothing fits into less room. */
		assert_int_equal(decoy_link_encode(&message, data, size - 1, &size), ERR_LIMIT);
	}
}

static void writes_these_bytes(void **state) {
	uint8_t data[80];
	size_t size = 0;
	struct decoy_link_message message = message_of(&rows[3]);
	assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_OK);
	uint8_t wanted[2 + DECOY_LINK_ENTRY_SIZE + 6] = {17, 1};
	memset(wanted + 2, 0xc1, 32);
	memcpy(wanted + 34, "\1\2\3\4\5\6\7\x8", 8);
	memset(wanted + 42, 0xab, 16);
	memcpy(wanted + 58, "answer", 6);
	assert_int_equal(size, sizeof wanted);
	assert_memory_equal(data, wanted, size);
	/* The entry by itself. */
	struct decoy_link_entry entry;
	decoy_link_encode_entry(&message.entry, data);
	assert_memory_equal(data, wanted + 2, DECOY_LINK_ENTRY_SIZE);
	assert_int_equal(decoy_link_decode_entry(slice_of(data, DECOY_LINK_ENTRY_SIZE), &entry),
					 ERR_OK);
	assert_memory_equal(&entry, &message.entry, sizeof entry);
	assert_int_equal(decoy_link_decode_entry(slice_of(data, DECOY_LINK_ENTRY_SIZE - 1), &entry),
					 ERR_TRUNCATED);
	assert_int_equal(decoy_link_decode_entry(slice_of(data, DECOY_LINK_ENTRY_SIZE + 1), &entry),
					 ERR_TRAILING);
}

static enum err to_site(const char *bytes, size_t size) {
	struct decoy_link_message message;
	return decoy_link_decode(DECOY_LINK_SITE, (const uint8_t *)bytes, size, &message);
}

static void refuses_others(void **state) {
	assert_int_equal(to_site("", 0), ERR_TRUNCATED);
	assert_int_equal(to_site("\x02", 1), ERR_MALFORMED);
	assert_int_equal(to_site("\x01", 1), ERR_MALFORMED);     /* DATA of nothing */
	assert_int_equal(to_site("\x10x", 2), ERR_TRAILING);     /* END */
	assert_int_equal(to_site("\x11", 1), ERR_TRUNCATED);     /* VERDICT */
	assert_int_equal(to_site("\x11\x02", 2), ERR_MALFORMED); /* neither yes nor no */
	assert_int_equal(to_site("\x11\x00x", 3), ERR_TRAILING); /* refused, with an answer */
	static char admitted[2 + DECOY_LINK_ENTRY_SIZE + DECOY_LINK_TEXT_MAX + 1] = {17, 1};
	assert_int_equal(to_site(admitted, 40), ERR_TRUNCATED);
	assert_int_equal(to_site(admitted, 2 + DECOY_LINK_ENTRY_SIZE), ERR_MALFORMED);
	assert_int_equal(to_site(admitted, sizeof admitted - 1), ERR_OK);
	assert_int_equal(to_site(admitted, sizeof admitted), ERR_MALFORMED);
	static char data[1 + DECOY_LINK_DATA_MAX + 1] = {1};
	assert_int_equal(to_site(data, sizeof data - 1), ERR_OK);
	assert_int_equal(to_site(data, sizeof data), ERR_MALFORMED);
}

static void writes_only_messages(void **state) {
	static uint8_t bytes[DECOY_LINK_MESSAGE_MAX + 1], data[DECOY_LINK_MESSAGE_MAX + 1];
	size_t size = 0;
	struct decoy_link_message message = {.type = DECOY_LINK_DATA};
	assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_INVALID);
	message.bytes = slice_of(bytes, DECOY_LINK_DATA_MAX + 1);
	assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_INVALID);
	message.bytes.size = DECOY_LINK_DATA_MAX;
	assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, DECOY_LINK_MESSAGE_MAX);
	message.type = DECOY_LINK_CANDIDATE;
	assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_INVALID);
	message.type = DECOY_LINK_STOP;
	assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_INVALID);
	message = (struct decoy_link_message){.type = DECOY_LINK_VERDICT, .admitted = true};
	assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_INVALID);
	message = (struct decoy_link_message){.type = (enum decoy_link_type)99};
	assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_writes),
		cmocka_unit_test(writes_these_bytes),
		cmocka_unit_test(refuses_others),
		cmocka_unit_test(writes_only_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
