/* What is found in a message stays within its limits, and the answers we make of it are good. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
	if (!holds)
		abort();
}

static void check_name(const struct dns_name *name) {
	check(name->size >= 1 && name->bytes[name->size - 1] == 0);
	check(dns_name_equal(name, name) && dns_name_is_within(name, name));
	size_t at = 0;
	while (name->bytes[at] != 0) {
		check(name->bytes[at] <= DNS_LABEL_MAX);
		at += name->bytes[at] + 1U;
		check(at < name->size);
	}
	check(at + 1 == name->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct dns_addresses found = {.count = 4711};
	enum err error = dns_addresses_decode(data, size, &found);
	check(error ? found.count == 4711 : found.count <= DNS_ADDRESSES_MAX);
	for (size_t i = 0; !error && i < found.count; i++)
		check(address_size(&found.items[i]) != 0);
	struct dns_question question = {.size = 4711};
	if (dns_question_decode(data, size, &question)) {
		check(question.size == 4711 && error);
		return 0;
	}
	check(question.size <= size && question.size <= DNS_QUESTION_MAX);
	check_name(&question.name);

	uint8_t answer[DNS_QUESTION_MAX];
	size_t answer_size = dns_answer_encode(data, &question, DNS_RCODE_FAILED, 0, answer);
	check(answer_size == question.size);
	struct dns_question again;
	check(!dns_question_decode(answer, answer_size, &again));
	check(dns_question_is_answered(&question, &again));
	check(!dns_addresses_decode(answer, answer_size, &found) && found.count == 0);
	dns_set_id(answer, (uint16_t)(question.id + 1U));
	check(!dns_question_decode(answer, answer_size, &again));
	check(!dns_question_is_answered(&question, &again));
	return 0;
}
