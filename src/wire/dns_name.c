#include "wire/dns_name.h"

#include <string.h>

#include "wire/cursor.h"

enum { POINTER = 0xc0 /* the two bits of section 4.1.4 */ };

static uint8_t lower(uint8_t byte) {
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

/* One label, whose size was read; false when the name would be too long. */
static bool append(struct dns_name *name, const uint8_t *label, uint8_t size) {
	/* The last zero has to fit as well. */
	if (name->size + 1U + size + 1U > DNS_NAME_MAX)
		return false;
	name->bytes[name->size++] = size;
	for (uint8_t i = 0; i < size; i++)
		name->bytes[name->size++] = lower(label[i]);
	return true;
}

void dns_name_read(struct reader *reader, const uint8_t *message, size_t size, bool may_point,
				   struct dns_name *out_name) {
	struct dns_name name = {.size = 0};
	struct reader elsewhere;
	struct reader *at = reader;
	*out_name = (struct dns_name){.size = 1};
	/* Where the part that is being read begins: what a pointer leads to is before it. */
	size_t begin = (size_t)(reader->at - message);
	for (;;) {
		uint8_t first = reader_u8(at);
		if (at->error || first == 0)
			break;
		if (first >= POINTER) {
			size_t target = (size_t)(first & ~POINTER) << 8 | reader_u8(at);
			if (at->error || !may_point || target >= begin) {
				reader_fail(at, ERR_MALFORMED);
				break;
			}
			elsewhere = reader_of(message + target, size - target);
			begin = target;
			at = &elsewhere;
			continue;
		}
		const uint8_t *label = reader_take(at, first);
		reader_expect(at, first <= DNS_LABEL_MAX);
		if (at->error || !append(&name, label, first)) {
			reader_fail(at, ERR_MALFORMED);
			break;
		}
	}
	if (at->error) {
		reader_fail(reader, at->error);
		return;
	}
	name.bytes[name.size++] = 0;
	*out_name = name;
}

static bool is_label_byte(char byte) {
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		   (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

enum err dns_name_parse(const char *text, struct dns_name *out_name) {
	struct dns_name name = {.size = 0};
	if (strnlen(text, DNS_NAME_TEXT_MAX + 1) > DNS_NAME_TEXT_MAX)
		return ERR_INVALID;
	for (const char *at = text;; at++) {
		size_t size = 0;
		while (is_label_byte(at[size]))
			size++;
		if (size == 0 || size > DNS_LABEL_MAX || (at[size] != '.' && at[size] != '\0') ||
			!append(&name, (const uint8_t *)at, (uint8_t)size))
			return ERR_INVALID;
		at += size;
		if (*at == '\0')
			break;
	}
	name.bytes[name.size++] = 0;
	*out_name = name;
	return ERR_OK;
}

bool dns_name_equal(const struct dns_name *left, const struct dns_name *right) {
	return left->size == right->size && memcmp(left->bytes, right->bytes, left->size) == 0;
}

bool dns_name_is_within(const struct dns_name *name, const struct dns_name *domain) {
	if (domain->size == 0)
		return false;
	/* Label by label: the end of one name may lie inside a label of the other. */
	for (size_t at = 0; at < name->size; at += name->bytes[at] + 1U)
		if (name->size - at == domain->size)
			return memcmp(name->bytes + at, domain->bytes, domain->size) == 0;
	return false;
}
