#include "proxy/credentials.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/wipe.h"

/* Zeros behind the texts, so that whole entries compare. */
struct entry {
	uint8_t name_size, password_size;
	uint8_t name[CREDENTIALS_TEXT_MAX], password[CREDENTIALS_TEXT_MAX];
};

struct credentials {
	size_t count;
	struct entry entries[];
};

static bool fill(struct entry *entry, struct slice name, struct slice password) {
	if (name.size > CREDENTIALS_TEXT_MAX || password.size > CREDENTIALS_TEXT_MAX)
		return false;
	*entry = (struct entry){(uint8_t)name.size, (uint8_t)password.size, {0}, {0}};
	if (name.size > 0)
		memcpy(entry->name, name.data, name.size);
	if (password.size > 0)
		memcpy(entry->password, password.data, password.size);
	return true;
}

enum err credentials_new(const struct credential *items, size_t count,
						 struct credentials **out_credentials) {
	if (count > CREDENTIALS_MAX)
		return ERR_LIMIT;
	struct credentials *credentials =
		calloc(1, sizeof *credentials + count * sizeof credentials->entries[0]);
	if (!credentials)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		credentials->count = i + 1;
		if (items[i].name[0] != '\0' && !strchr(items[i].name, ':') &&
			fill(&credentials->entries[i], slice_of_text(items[i].name),
				 slice_of_text(items[i].password)))
			continue;
		credentials_free(credentials);
		return ERR_INVALID;
	}
	*out_credentials = credentials;
	return ERR_OK;
}

void credentials_free(struct credentials *credentials) {
	if (credentials)
		wipe(credentials->entries, credentials->count * sizeof credentials->entries[0]);
	free(credentials);
}

bool credentials_are_needed(const struct credentials *credentials) {
	return credentials != NULL;
}

bool credentials_accept(const struct credentials *credentials, struct slice name,
						struct slice password) {
	struct {
		struct entry guess;
	} s;
	WIPE_ON_EXIT(s);
	if (!credentials)
		return true;
	if (!fill(&s.guess, name, password))
		return false;
	unsigned found = 0;
	for (size_t i = 0; i < credentials->count; i++)
		found |= wipe_equal(&credentials->entries[i], &s.guess, sizeof s.guess);
	return found != 0;
}

static int base64_value(uint8_t byte) {
	if (byte >= 'A' && byte <= 'Z')
		return byte - 'A';
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a' + 26;
	if (byte >= '0' && byte <= '9')
		return byte - '0' + 52;
	return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* RFC 4648 section 4; padding may be missing. Room for three bytes of every four, or part of it. */
static bool decode_base64(struct slice text, uint8_t *out_data, size_t *out_size) {
	size_t size = 0;
	uint32_t bits = 0;
	unsigned have = 0;
	for (size_t i = 0; i < 2 && text.size > 0 && text.data[text.size - 1] == '='; i++)
		text.size--;
	for (size_t i = 0; i < text.size; i++) {
		int value = base64_value(text.data[i]);
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out_data[size++] = (uint8_t)(bits >> have);
		}
	}
	*out_size = size;
	return text.size % 4 != 1;
}

bool credentials_accept_basic(const struct credentials *credentials, struct slice value) {
	static const char scheme[] = "basic";
	enum { SCHEME_SIZE = sizeof scheme - 1, DECODED_MAX = 2 * CREDENTIALS_TEXT_MAX + 1 };
	struct {
		uint8_t text[DECODED_MAX + 3];
	} s;
	WIPE_ON_EXIT(s);
	if (!credentials)
		return true;
	if (value.size <= SCHEME_SIZE || value.data[SCHEME_SIZE] != ' ' ||
		strncasecmp((const char *)value.data, scheme, SCHEME_SIZE) != 0)
		return false;
	value = slice_of(value.data + SCHEME_SIZE, value.size - SCHEME_SIZE);
	while (value.size > 0 && value.data[0] == ' ')
		value = slice_of(value.data + 1, value.size - 1);
	size_t size;
	if (value.size > (DECODED_MAX + 2) / 3 * 4 || !decode_base64(value, s.text, &size))
		return false;
	const uint8_t *colon = memchr(s.text, ':', size);
	if (!colon)
		return false;
	size_t name_size = (size_t)(colon - s.text);
	return credentials_accept(credentials, slice_of(s.text, name_size),
							  slice_of(colon + 1, size - name_size - 1));
}
