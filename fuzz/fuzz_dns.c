/* What is found in a message stays within its limits, and the answers we make of it are good. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/dns.h"

static void check_name(const struct dns_name *name) {
	expect(name->size >= 1 && name->bytes[name->size - 1] == 0);
	expect(dns_name_equal(name, name) && dns_name_is_within(name, name));
	size_t at = 0;
	while (name->bytes[at] != 0) {
		expect(name->bytes[at] <= DNS_LABEL_MAX);
		at += name->bytes[at] + 1U;
		expect(at < name->size);
	}
	expect(at + 1 == name->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct dns_addresses found = {.count = 4711};
	enum err error = dns_addresses_decode(data, size, &found);
	expect(error ? found.count == 4711 : found.count <= DNS_ADDRESSES_MAX);
	for (size_t i = 0; !error && i < found.count; i++)
		expect(address_size(&found.items[i]) != 0);
	struct dns_question question = {.size = 4711};
	if (dns_question_decode(data, size, &question)) {
		expect(question.size == 4711 && error);
		return 0;
	}
	expect(question.size <= size && question.size <= DNS_QUESTION_MAX);
	check_name(&question.name);

	uint8_t answer[DNS_QUESTION_MAX];
	size_t answer_size = dns_answer_encode(data, &question, DNS_RCODE_FAILED, 0, answer);
	expect(answer_size == question.size);
	struct dns_question again;
	expect(!dns_question_decode(answer, answer_size, &again));
	expect(dns_question_is_answered(&question, &again));
	expect(!dns_addresses_decode(answer, answer_size, &found) && found.count == 0);
	dns_set_id(answer, (uint16_t)(question.id + 1U));
	expect(!dns_question_decode(answer, answer_size, &again));
	expect(!dns_question_is_answered(&question, &again));
	return 0;
}
