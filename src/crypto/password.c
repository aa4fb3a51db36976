#include "crypto/password.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/wipe.h"
#include "crypto/argon2.h"

#define PREFIX "$argon2id$v=19$"

struct parsed {
	struct argon2_cost cost;
	uint8_t salt[PASSWORD_BYTES_MAX], hash[PASSWORD_BYTES_MAX];
	size_t salt_size, hash_size;
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Hashes are no keys: who could time these lookups has the string itself. */
static char *put_base64(char *text, const uint8_t *data, size_t size) {
	uint32_t bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < size; i++) {
		bits = bits << 8 | data[i];
		for (count += 8; count >= 6; count -= 6)
			*text++ = alphabet[bits >> (count - 6) & 63];
	}
	if (count > 0)
		*text++ = alphabet[bits << (6 - count) & 63];
	*text = '\0';
	return text;
}

/* Only what put_base64() writes: the bits that are left over are 0. */
static bool take_base64(const char *text, size_t text_size, uint8_t *out_data, size_t *out_size) {
	uint32_t bits = 0;
	unsigned count = 0;
	size_t size = 0;
	for (size_t i = 0; i < text_size; i++) {
		const char *place = text[i] ? strchr(alphabet, text[i]) : NULL;
		if (!place || size == PASSWORD_BYTES_MAX)
			return false;
		bits = bits << 6 | (uint32_t)(place - alphabet);
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		out_data[size++] = (uint8_t)(bits >> count);
	}
	*out_size = size;
	return count < 6 && (bits & ((1U << count) - 1)) == 0 && size >= PASSWORD_BYTES_MIN;
}

/* "m=65536," and so on: the number, and what stands behind its end. */
static bool take_number(const char **text, const char *name, char end, uint32_t maximum,
						uint32_t *out_value) {
	const char *start = *text;
	size_t name_size = strlen(name);
	if (strncmp(start, name, name_size) != 0)
		return false;
	start += name_size;
	const char *behind = strchr(start, end);
	uint64_t value;
	if (!behind ||
		text_unsigned_parse(start, (size_t)(behind - start), maximum, &value) != ERR_OK ||
		value == 0)
		return false;
	*out_value = (uint32_t)value;
	*text = behind + 1;
	return true;
}

static bool parse(const char *text, struct parsed *out_parsed) {
	size_t prefix = strlen(PREFIX);
	if (strlen(text) >= PASSWORD_TEXT_SIZE || strncmp(text, PREFIX, prefix) != 0)
		return false;
	text += prefix;
	struct argon2_cost *cost = &out_parsed->cost;
	if (!take_number(&text, "m=", ',', PASSWORD_MEMORY_MAX, &cost->memory) ||
		!take_number(&text, "t=", ',', PASSWORD_PASSES_MAX, &cost->passes) ||
		!take_number(&text, "p=", '$', PASSWORD_LANES_MAX, &cost->lanes) ||
		cost->memory < 8 * cost->lanes)
		return false;
	const char *middle = strchr(text, '$');
	return middle &&
		   take_base64(text, (size_t)(middle - text), out_parsed->salt, &out_parsed->salt_size) &&
		   take_base64(middle + 1, strlen(middle + 1), out_parsed->hash, &out_parsed->hash_size);
}

enum err password_hash(struct slice password, const struct random_source *random,
					   char out_text[static PASSWORD_TEXT_SIZE]) {
	static const struct argon2_cost cost = {PASSWORD_MEMORY, PASSWORD_PASSES, PASSWORD_LANES};
	uint8_t salt[PASSWORD_SALT_SIZE], hash[PASSWORD_HASH_SIZE];
	random_fill(random, salt, sizeof salt);
	enum err error = argon2_id(password, slice_of(salt, sizeof salt), &cost, hash, sizeof hash);
	if (error)
		return error;
	int used = snprintf(out_text, PASSWORD_TEXT_SIZE, PREFIX "m=%u,t=%u,p=%u$", cost.memory,
						cost.passes, cost.lanes);
	char *end = put_base64(out_text + used, salt, sizeof salt);
	*end++ = '$';
	(void)put_base64(end, hash, sizeof hash);
	return ERR_OK;
}

static enum err compare(struct slice password, const struct parsed *parsed) {
	struct {
		uint8_t hash[PASSWORD_BYTES_MAX];
	} s;
	WIPE_ON_EXIT(s);
	enum err error = argon2_id(password, slice_of(parsed->salt, parsed->salt_size), &parsed->cost,
							   s.hash, parsed->hash_size);
	if (error)
		return error;
	return wipe_equal(s.hash, parsed->hash, parsed->hash_size) ? ERR_OK : ERR_AUTHENTICATION;
}

enum err password_verify(struct slice password, const char *text) {
	struct parsed parsed;
	return parse(text, &parsed) ? compare(password, &parsed) : ERR_MALFORMED;
}

enum err password_pretend(struct slice password) {
	static const struct parsed nobody = {
		.cost = {PASSWORD_MEMORY, PASSWORD_PASSES, PASSWORD_LANES},
		.salt_size = PASSWORD_SALT_SIZE,
		.hash_size = PASSWORD_HASH_SIZE,
	};
	enum err error = compare(password, &nobody);
	return error ? error : ERR_AUTHENTICATION;
}
