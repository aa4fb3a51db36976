#include "wire/dns_messages.h"

/* A whole answer as a resolver sent it: www.example.org, an alias with a pointer, two addresses. */
static const uint8_t answer_bytes[] = {
	0x12, 0x34, 0x81, 0x80, 0,   1,   0,   3,    0,   0,   0,   1, /**/
	3,    'w',  'W',  'w',  7,   'e', 'x', 'a',  'm', 'p', 'l', 'e', 3,   'o', 'r', 'g',
	0,    0,    1,    0,    1, /**/
	0xc0, 12,   0,    5,    0,   1,   0,   0,    1,   44,  0,   6,   3,   'w', 'e', 'b',
	0xc0, 16,                                                                          /**/
	0xc0, 45,   0,    1,    0,   1,   0,   0,    0,   60,  0,   4,   192, 0,   2,   1, /**/
	0xc0, 45,   0,    1,    0,   1,   0,   0,    0,   90,  0,   4,   192, 0,   2,   2, /**/
	0,    0,    41,   4,    208, 0,   0,   0x80, 0,   0,   0,                          /* EDNS */
};

static struct dns_name name_of(const char *text) {
	struct dns_name name;
	assert_int_equal(dns_name_parse(text, &name), ERR_OK);
	return name;
}

static enum err decode(const struct dns_text *text, struct dns_addresses *out) {
	return dns_addresses_decode(text->data, text->size, out);
}

static void assert_v4(const struct address *address, uint8_t last) {
	const uint8_t bytes[] = {192, 0, 2, last};
	struct address expected = address_from_bytes(ADDRESS_V4, bytes);
	assert_true(address_equal(address, &expected));
}

static void test_question(void **state) {
	struct dns_question question;
	assert_int_equal(dns_question_decode(answer_bytes, sizeof answer_bytes, &question), ERR_OK);
	assert_int_equal(question.id, 0x1234);
	assert_int_equal(question.flags, 0x8180);
	assert_int_equal(question.type, DNS_TYPE_A);
	assert_int_equal(question.class, DNS_CLASS_IN);
	assert_int_equal(question.size, 33);
	const struct dns_name name = name_of("www.example.org");
	assert_true(dns_name_equal(&question.name, &name));
	for (size_t size = 0; size < question.size; size++)
		assert_int_equal(dns_question_decode(answer_bytes, size, &question), ERR_TRUNCATED);
}

static void test_question_refused(void **state) {
	struct dns_question question;
	struct dns_text text = query_of(1, "a", DNS_TYPE_A);
	text.data[5] = 2; /* questions */
	assert_int_equal(dns_question_decode(text.data, text.size, &question), ERR_UNSUPPORTED);
	text.data[5] = 0;
	assert_int_equal(dns_question_decode(text.data, text.size, &question), ERR_UNSUPPORTED);
	text = query_of(1, "a", DNS_TYPE_A);
	text.data[2] |= 0x28; /* an update */
	assert_int_equal(dns_question_decode(text.data, text.size, &question), ERR_UNSUPPORTED);
	/* A name that begins with a pointer, and labels of kinds that do not exist. */
	text = message_of(1, 0, 0);
	put_pointer(&text, 0);
	put(&text, (uint8_t[]){0, 1, 0, 1}, 4);
	assert_int_equal(dns_question_decode(text.data, text.size, &question), ERR_MALFORMED);
	text = query_of(1, "a", DNS_TYPE_A);
	text.data[DNS_HEADER_SIZE] = 0x41;
	assert_int_not_equal(dns_question_decode(text.data, text.size, &question), ERR_OK);
}

static void test_known_answer(void **state) {
	struct dns_addresses found;
	assert_int_equal(dns_addresses_decode(answer_bytes, sizeof answer_bytes, &found), ERR_OK);
	assert_int_equal(found.count, 2);
	assert_v4(&found.items[0], 1);
	assert_v4(&found.items[1], 2);
	assert_int_equal(found.ttl, 90);
	assert_false(found.elsewhere);
	for (size_t size = 0; size < sizeof answer_bytes; size++)
		assert_int_not_equal(dns_addresses_decode(answer_bytes, size, &found), ERR_OK);
	uint8_t longer[sizeof answer_bytes + 1] = {0};
	memcpy(longer, answer_bytes, sizeof answer_bytes);
	assert_int_equal(dns_addresses_decode(longer, sizeof longer, &found), ERR_TRAILING);
}

static void test_chain(void **state) {
	/* In any order; what is not reached from the question does not count. */
	struct dns_addresses found;
	struct dns_text text = answer_of(1, "a.example", DNS_TYPE_A, 5);
	put_a(&text, "c.example", 10, 3);
	put_cname(&text, "b.example", 10, "c.example");
	put_a(&text, "stranger.example", 10, 9);
	put_cname(&text, "A.EXAMPLE", 10, "b.example");
	put_cname(&text, "stranger.example", 10, "x.example");
	assert_int_equal(decode(&text, &found), ERR_OK);
	assert_int_equal(found.count, 1);
	assert_v4(&found.items[0], 3);
}

static void test_ring(void **state) {
	struct dns_addresses found;
	struct dns_text text = answer_of(1, "a.example", DNS_TYPE_A, 3);
	put_cname(&text, "a.example", 10, "b.example");
	put_cname(&text, "b.example", 10, "a.example");
	put_a(&text, "b.example", 10, 1);
	assert_int_equal(decode(&text, &found), ERR_OK);
	assert_int_equal(found.count, 1);
}

static void put_long_chain(struct dns_text *text, unsigned steps) {
	*text = answer_of(1, "n0", DNS_TYPE_A, steps);
	for (unsigned i = 0; i < steps; i++) {
		char from[8], to[8];
		(void)snprintf(from, sizeof from, "n%u", i);
		(void)snprintf(to, sizeof to, "n%u", i + 1);
		put_cname(text, from, 1, to);
	}
}

static void test_limits(void **state) {
	struct dns_addresses found;
	struct dns_text text;
	put_long_chain(&text, DNS_CHAIN_MAX - 1);
	assert_int_equal(decode(&text, &found), ERR_OK);
	put_long_chain(&text, DNS_CHAIN_MAX);
	assert_int_equal(decode(&text, &found), ERR_LIMIT);
	text = answer_of(1, "a", DNS_TYPE_A, DNS_ADDRESSES_MAX + 1);
	for (unsigned i = 0; i <= DNS_ADDRESSES_MAX; i++)
		put_a(&text, "a", 1, (uint8_t)i);
	assert_int_equal(decode(&text, &found), ERR_LIMIT);
	text = answer_of(1, "a", DNS_TYPE_A, DNS_RECORDS_MAX + 1);
	assert_int_equal(decode(&text, &found), ERR_LIMIT);
}

static void test_pointers(void **state) {
	struct dns_addresses found;
	/* To itself, forward, and to and fro. */
	static const unsigned targets[] = {0, 2, 40};
	for (size_t i = 0; i < 3; i++) {
		struct dns_text text = answer_of(1, "a", DNS_TYPE_A, 1);
		put_pointer(&text, (unsigned)text.size + targets[i]);
		put_record(&text, DNS_TYPE_A, 1, (uint8_t[4]){0}, 4);
		assert_int_equal(decode(&text, &found), ERR_MALFORMED);
	}
	struct dns_text text = answer_of(1, "a", DNS_TYPE_A, 1);
	unsigned begin = (unsigned)text.size;
	put(&text, (uint8_t[]){1, 'b'}, 2);
	put_pointer(&text, begin); /* to the label before it: round and round */
	put_record(&text, DNS_TYPE_A, 1, (uint8_t[4]){0}, 4);
	assert_int_equal(decode(&text, &found), ERR_MALFORMED);
}

static void test_long_names(void **state) {
	struct dns_name name;
	char text[DNS_NAME_TEXT_MAX + 2];
	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = i % 64 == 63 ? '.' : 'x';
	text[DNS_NAME_TEXT_MAX] = '\0';
	assert_int_equal(dns_name_parse(text, &name), ERR_OK);
	assert_int_equal(name.size, DNS_NAME_MAX);
	text[DNS_NAME_TEXT_MAX] = 'x';
	text[DNS_NAME_TEXT_MAX + 1] = '\0';
	assert_int_equal(dns_name_parse(text, &name), ERR_INVALID);
	/* A pointer that makes it too long. */
	text[DNS_NAME_TEXT_MAX] = '\0';
	struct dns_text message = answer_of(1, text, DNS_TYPE_A, 1);
	put(&message, (uint8_t[]){1, 'b'}, 2);
	put_pointer(&message, DNS_HEADER_SIZE);
	put_record(&message, DNS_TYPE_A, 1, (uint8_t[4]){0}, 4);
	struct dns_addresses found;
	assert_int_equal(decode(&message, &found), ERR_MALFORMED);
}

static void test_name_texts(void **state) {
	static const char *const bad[] = {"",    ".",   "a.",       ".a",  "a..b", "a b",
									  "*.a", "a/b", "\xc3\xa4", "a:1", "a\n"};
	struct dns_name name;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(dns_name_parse(bad[i], &name), ERR_INVALID);
	char label[66] = {0};
	memset(label, 'x', DNS_LABEL_MAX);
	assert_int_equal(dns_name_parse(label, &name), ERR_OK);
	label[DNS_LABEL_MAX] = 'x';
	assert_int_equal(dns_name_parse(label, &name), ERR_INVALID);
}

static void test_within(void **state) {
	const struct dns_name domain = name_of("Example.ORG"), same = name_of("example.org"),
						  below = name_of("a.b.example.org"), above = name_of("org"),
						  beside = name_of("badexample.org"), longer = name_of("example.org.net"),
						  none = {.size = 0};
	assert_true(dns_name_is_within(&same, &domain));
	assert_true(dns_name_is_within(&below, &domain));
	assert_false(dns_name_is_within(&above, &domain));
	assert_false(dns_name_is_within(&beside, &domain));
	assert_false(dns_name_is_within(&longer, &domain));
	assert_false(dns_name_is_within(&same, &none));
}

static void test_service(void **state) {
	static const uint8_t data[] = {
		0, 1, 0,                                          /* priority, the owner itself */
		0, 1, 0, 3,  2,    'h', '2',                      /* alpn */
		0, 4, 0, 8,  192,  0,   2,    1,    192, 0, 2, 2, /* ipv4hint */
		0, 6, 0, 16, 0x20, 1,   0x0d, 0xb8, 0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
	};
	struct dns_addresses found;
	struct dns_text text = answer_of(1, "a.example", DNS_TYPE_HTTPS, 1);
	put_pointer(&text, DNS_HEADER_SIZE);
	put_record(&text, DNS_TYPE_HTTPS, 7, data, sizeof data);
	assert_int_equal(decode(&text, &found), ERR_OK);
	assert_int_equal(found.count, 3);
	assert_v4(&found.items[1], 2);
	assert_int_equal(found.items[2].family, ADDRESS_V6);
	assert_int_equal(found.items[2].bytes[15], 7);
	assert_false(found.elsewhere);
	for (size_t size = 0; size < sizeof data; size++) {
		text = answer_of(1, "a.example", DNS_TYPE_HTTPS, 1);
		put_pointer(&text, DNS_HEADER_SIZE);
		put_record(&text, DNS_TYPE_HTTPS, 7, data, size);
		/* It may end between two parameters. */
		bool whole = size == 3 || size == 10 || size == 22;
		assert_int_equal(decode(&text, &found) == ERR_OK, whole);
	}
}

static void test_service_refused(void **state) {
	static const uint8_t twice[] = {0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0},
						 odd[] = {0, 1, 0, 0, 4, 0, 3, 1, 2, 3}, empty[] = {0, 1, 0, 0, 4, 0, 0};
	const struct slice bad[] = {{twice, sizeof twice}, {odd, sizeof odd}, {empty, sizeof empty}};
	for (size_t i = 0; i < 3; i++) {
		struct dns_addresses found;
		struct dns_text text = answer_of(1, "a.example", DNS_TYPE_SVCB, 1);
		put_pointer(&text, DNS_HEADER_SIZE);
		put_record(&text, DNS_TYPE_SVCB, 7, bad[i].data, bad[i].size);
		assert_int_equal(decode(&text, &found), ERR_MALFORMED);
	}
}

/* Its target is another name, which would be asked for next. */
static void test_service_elsewhere(void **state) {
	static const uint8_t data[] = {0, 0, 3, 'c', 'd', 'n', 0};
	struct dns_addresses found;
	struct dns_text text = answer_of(1, "a.example", DNS_TYPE_HTTPS, 1);
	put_pointer(&text, DNS_HEADER_SIZE);
	put_record(&text, DNS_TYPE_HTTPS, 7, data, sizeof data);
	assert_int_equal(decode(&text, &found), ERR_OK);
	assert_true(found.elsewhere);
	assert_int_equal(found.count, 0);
}

static void test_odd_records(void **state) {
	struct dns_addresses found;
	/* An address of the wrong size; a TTL with its first bit set; another class. */
	struct dns_text text = answer_of(1, "a", DNS_TYPE_A, 1);
	put_name(&text, "a");
	put_record(&text, DNS_TYPE_A, 1, (uint8_t[5]){0}, 5);
	assert_int_equal(decode(&text, &found), ERR_TRAILING);
	text = answer_of(1, "a", DNS_TYPE_A, 1);
	put_a(&text, "a", 0x80000000, 1);
	assert_int_equal(decode(&text, &found), ERR_OK);
	assert_int_equal(found.ttl, 0);
	text.data[DNS_HEADER_SIZE + 3 + 4 + 3 + 3] = 3;
	assert_int_equal(decode(&text, &found), ERR_OK);
	assert_int_equal(found.count, 0);
}

static void test_answered(void **state) {
	const struct dns_text query = query_of(7, "a.example", DNS_TYPE_A);
	struct dns_question asked, other;
	assert_int_equal(dns_question_decode(query.data, query.size, &asked), ERR_OK);
	struct dns_text text = answer_of(7, "A.example", DNS_TYPE_A, 0);
	assert_int_equal(dns_question_decode(text.data, text.size, &other), ERR_OK);
	assert_true(dns_question_is_answered(&asked, &other));
	assert_false(dns_question_is_answered(&asked, &asked)); /* a query */
	const struct dns_text bad[] = {answer_of(8, "a.example", DNS_TYPE_A, 0),
								   answer_of(7, "b.example", DNS_TYPE_A, 0),
								   answer_of(7, "a.example", DNS_TYPE_AAAA, 0)};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(dns_question_decode(bad[i].data, bad[i].size, &other), ERR_OK);
		assert_false(dns_question_is_answered(&asked, &other));
	}
}

static void test_encode(void **state) {
	const struct dns_text query = query_of(0xabcd, "wWw.example", DNS_TYPE_AAAA);
	struct dns_question asked;
	uint8_t out[DNS_QUESTION_MAX];
	assert_int_equal(dns_question_decode(query.data, query.size, &asked), ERR_OK);
	size_t size = dns_answer_encode(query.data, &asked, DNS_RCODE_FAILED, 0, out);
	static const uint8_t header[] = {0xab, 0xcd, 0x81, 0x82, 0, 1, 0, 0, 0, 0, 0, 0};
	assert_int_equal(size, query.size);
	assert_memory_equal(out, header, sizeof header);
	assert_memory_equal(out + sizeof header, query.data + sizeof header, size - sizeof header);
	(void)dns_answer_encode(query.data, &asked, DNS_RCODE_OK, DNS_FLAG_TRUNCATED, out);
	assert_int_equal(out[2], 0x83);
	assert_int_equal(out[3], 0x80);
	dns_set_id(out, 0x0102);
	assert_memory_equal(out, "\1\2", 2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_question_refused),
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_name_texts),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_service_refused),
		cmocka_unit_test(test_service_elsewhere),
		cmocka_unit_test(test_odd_records),
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_encode),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
