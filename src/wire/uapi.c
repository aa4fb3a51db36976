#include "wire/uapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/wipe.h"

enum {
	TEXT_CAPACITY_FIRST = 1024,
	VALUE_SIZE_MAX = 2 * UAPI_PASSWORD_MAX,
	ROLE_MAX = 63,
	TICKET_HASH_DIGITS = 2 * HASH_SIZE,
};

_Static_assert(VALUE_SIZE_MAX >= (int)UAPI_TEXT_MAX &&
				   VALUE_SIZE_MAX > TICKET_HASH_DIGITS + 2 * (int)UAPI_SEALED_MAX,
			   "every value fits");

/* How a key's value is written. */
enum kind {
	KIND_BYTES,  /* hexadecimal digits, two for each of the row's maximum of bytes */
	KIND_NUMBER, /* decimal, up to the row's maximum */
	KIND_LARGE,  /* decimal, of 64 bits */
	KIND_TRUE,   /* the word "true": to leave the line out means false */
	KIND_BOOL,   /* "true" or "false" */
	KIND_ONE,    /* the only version there is */
	KIND_ENDPOINT,
	KIND_PREFIX,    /* "-" in front takes it away */
	KIND_ROUTE,     /* a prefix */
	KIND_INTERFACE, /* an address with the length of its network */
	KIND_ADDRESS,
	KIND_TEXT,     /* up to the row's maximum of bytes */
	KIND_PASSWORD, /* hexadecimal digits, two for each byte, of which there is one at least */
	KIND_TICKET,   /* hexadecimal digits of the hash, a comma, those of what is sealed */
};

static const struct row {
	const char *name;
	enum uapi_key key;
	enum kind kind;
	uint32_t maximum; /* of numbers, of the bytes of texts */
} rows[] = {
	{"private_key", UAPI_PRIVATE_KEY, KIND_BYTES, X25519_KEY_SIZE},
	{"listen_port", UAPI_LISTEN_PORT, KIND_NUMBER, UINT16_MAX},
	{"fwmark", UAPI_FWMARK, KIND_NUMBER, UINT32_MAX},
	{"replace_peers", UAPI_REPLACE_PEERS, KIND_TRUE, 0},
	{"role", UAPI_ROLE, KIND_TEXT, ROLE_MAX},
	{"instance", UAPI_INSTANCE, KIND_BYTES, UAPI_INSTANCE_SIZE},
	{"ciphers", UAPI_CIPHERS, KIND_TEXT, UAPI_TEXT_MAX},
	{"rekey_seconds", UAPI_REKEY_SECONDS, KIND_NUMBER, UINT32_MAX},
	{"rekey_packets", UAPI_REKEY_PACKETS, KIND_NUMBER, UINT32_MAX},
	{"keepalive", UAPI_KEEPALIVE, KIND_NUMBER, UINT16_MAX},
	{"client_to_client", UAPI_CLIENT_TO_CLIENT, KIND_BOOL, 0},
	{"replace_push", UAPI_REPLACE_PUSH, KIND_TRUE, 0},
	{"push_route", UAPI_PUSH_ROUTE, KIND_ROUTE, 0},
	{"push_dns", UAPI_PUSH_DNS, KIND_ADDRESS, 0},
	{"push_domain", UAPI_PUSH_DOMAIN, KIND_TEXT, UAPI_TEXT_MAX},
	{"push_mtu", UAPI_PUSH_MTU, KIND_NUMBER, UINT16_MAX},
	{"replace_authorities", UAPI_REPLACE_AUTHORITIES, KIND_TRUE, 0},
	{"authority", UAPI_AUTHORITY, KIND_TEXT, UAPI_TEXT_MAX},
	{"replace_revoked", UAPI_REPLACE_REVOKED, KIND_TRUE, 0},
	{"revoked", UAPI_REVOKED, KIND_TEXT, UAPI_TEXT_MAX},
	{"replace_certificates", UAPI_REPLACE_CERTIFICATES, KIND_TRUE, 0},
	{"certificate", UAPI_CERTIFICATE, KIND_TEXT, UAPI_TEXT_MAX},
	{"signing_key", UAPI_SIGNING_KEY, KIND_BYTES, ED25519_KEY_SIZE},
	{"pin", UAPI_PIN, KIND_BYTES, HASH_SIZE},
	{"server_name", UAPI_SERVER_NAME, KIND_TEXT, UAPI_TEXT_MAX},
	{"demands", UAPI_DEMANDS, KIND_TEXT, UAPI_TEXT_MAX},
	{"ticket_key", UAPI_TICKET_KEY, KIND_BYTES, AEAD_KEY_SIZE},
	{"ticket_seconds", UAPI_TICKET_SECONDS, KIND_NUMBER, UINT32_MAX},
	{"transport", UAPI_TRANSPORT, KIND_TEXT, UAPI_TEXT_MAX},
	{"public_key", UAPI_PUBLIC_KEY, KIND_BYTES, X25519_KEY_SIZE},
	{"remove", UAPI_REMOVE, KIND_TRUE, 0},
	{"update_only", UAPI_UPDATE_ONLY, KIND_TRUE, 0},
	{"preshared_key", UAPI_PRESHARED_KEY, KIND_BYTES, X25519_KEY_SIZE},
	{"endpoint", UAPI_ENDPOINT, KIND_ENDPOINT, 0},
	{"persistent_keepalive_interval", UAPI_PERSISTENT_KEEPALIVE, KIND_NUMBER, UINT16_MAX},
	{"replace_allowed_ips", UAPI_REPLACE_ALLOWED_IPS, KIND_TRUE, 0},
	{"allowed_ip", UAPI_ALLOWED_IP, KIND_PREFIX, 0},
	{"protocol_version", UAPI_PROTOCOL_VERSION, KIND_ONE, 0},
	{"umbra", UAPI_UMBRA, KIND_NUMBER, 1},
	{"name", UAPI_NAME, KIND_TEXT, UAPI_NAME_MAX},
	{"replace_rules", UAPI_REPLACE_RULES, KIND_TRUE, 0},
	{"rule", UAPI_RULE, KIND_TEXT, UAPI_TEXT_MAX},
	{"replace_endpoints", UAPI_REPLACE_ENDPOINTS, KIND_TRUE, 0},
	{"address", UAPI_ADDRESS, KIND_INTERFACE, 0},
	{"end", UAPI_END, KIND_NUMBER, UINT8_MAX},
	{"login", UAPI_LOGIN, KIND_TRUE, 0},
	{"password", UAPI_PASSWORD, KIND_PASSWORD, 0},
	{"rate", UAPI_RATE, KIND_LARGE, 0},
	{"quota", UAPI_QUOTA, KIND_LARGE, 0},
	{"until", UAPI_UNTIL, KIND_LARGE, 0},
	{"ticket", UAPI_TICKET, KIND_TICKET, 0},
};

static bool equals(struct slice text, const char *word) {
	return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static const struct row *find_row(struct slice name) {
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (equals(name, rows[i].name))
			return &rows[i];
	return NULL;
}

static enum err parse_text(const struct row *row, const char *value, size_t size,
						   char out_text[static UAPI_TEXT_MAX + 1]) {
	if (size == 0 || size > row->maximum)
		return ERR_INVALID;
	for (size_t i = 0; i < size; i++)
		if ((uint8_t)value[i] < 0x20 || value[i] == 0x7f)
			return ERR_INVALID;
	memcpy(out_text, value, size + 1);
	return ERR_OK;
}

/* An address alone is no prefix here: `wg` always sends the length. */
static enum err parse_prefix(const char *value, struct prefix *out_prefix) {
	return strchr(value, '/') ? prefix_parse(value, out_prefix) : ERR_INVALID;
}

/* The length is that of a prefix, the address keeps its host bits. */
static enum err parse_interface(const char *value, struct prefix *out_prefix) {
	char text[ADDRESS_TEXT_SIZE];
	const char *slash = strchr(value, '/');
	struct prefix prefix;
	if (!slash || (size_t)(slash - value) >= sizeof text)
		return ERR_INVALID;
	memcpy(text, value, (size_t)(slash - value));
	text[slash - value] = '\0';
	enum err error = prefix_parse(value, &prefix) ?: address_parse(text, &prefix.address);
	if (!error)
		*out_prefix = prefix;
	return error;
}

static enum err parse_password(const char *value, size_t size, struct uapi_password *password) {
	if (size == 0 || size > 2 * sizeof password->bytes)
		return ERR_INVALID;
	password->size = size / 2;
	return text_hex_decode(value, size, password->bytes, size / 2);
}

static enum err parse_ticket(const char *value, size_t size, struct uapi_ticket *ticket) {
	if (size <= TICKET_HASH_DIGITS + 1 || value[TICKET_HASH_DIGITS] != ',')
		return ERR_INVALID;
	const char *sealed = value + TICKET_HASH_DIGITS + 1;
	const size_t digits = size - TICKET_HASH_DIGITS - 1;
	if (digits > 2 * sizeof ticket->sealed)
		return ERR_INVALID;
	ticket->size = digits / 2;
	return text_hex_decode(value, TICKET_HASH_DIGITS, ticket->hash, sizeof ticket->hash)
			   ?: text_hex_decode(sealed, digits, ticket->sealed, digits / 2);
}

/* value is its slice with a NUL behind it. */
static enum err parse_value(const struct row *row, const char *value, size_t size,
							struct uapi_entry *entry) {
	uint64_t number;
	enum err error;
	switch (row->kind) {
	case KIND_BYTES:
		return text_hex_decode(value, size, entry->bytes, row->maximum);
	case KIND_NUMBER:
		error = text_unsigned_parse(value, size, row->maximum, &number);
		if (!error)
			entry->number = (uint32_t)number;
		return error;
	case KIND_LARGE:
		return text_unsigned_parse(value, size, UINT64_MAX, &entry->large);
	case KIND_TRUE:
		return strcmp(value, "true") == 0 ? ERR_OK : ERR_INVALID;
	case KIND_BOOL:
		entry->number = strcmp(value, "true") == 0;
		return entry->number || strcmp(value, "false") == 0 ? ERR_OK : ERR_INVALID;
	case KIND_ONE:
		return strcmp(value, "1") == 0 ? ERR_OK : ERR_INVALID;
	case KIND_ENDPOINT:
		return endpoint_parse(value, &entry->endpoint);
	case KIND_PREFIX:
		entry->subtract = value[0] == '-';
		return parse_prefix(value + entry->subtract, &entry->prefix);
	case KIND_ROUTE:
		return parse_prefix(value, &entry->prefix);
	case KIND_INTERFACE:
		return parse_interface(value, &entry->prefix);
	case KIND_ADDRESS:
		return address_parse(value, &entry->address);
	case KIND_TEXT:
		return parse_text(row, value, size, entry->text);
	case KIND_PASSWORD:
		return parse_password(value, size, &entry->password);
	case KIND_TICKET:
		return parse_ticket(value, size, &entry->ticket);
	}
	return ERR_INVALID;
}

enum err uapi_parse_line(const char *line, size_t size, struct uapi_entry *out_entry) {
	struct {
		struct uapi_entry entry;
		char value[VALUE_SIZE_MAX + 1];
	} s = {0};
	WIPE_ON_EXIT(s);

	const char *equal = size > 0 ? memchr(line, '=', size) : NULL;
	if (!equal)
		return ERR_INVALID;
	size_t name_size = (size_t)(equal - line), value_size = size - name_size - 1;
	const struct row *row = find_row(slice_of(line, name_size));
	if (!row || value_size > VALUE_SIZE_MAX)
		return ERR_INVALID;
	memcpy(s.value, equal + 1, value_size);
	if (strlen(s.value) != value_size)
		return ERR_INVALID;
	s.entry.key = row->key;
	enum err error = parse_value(row, s.value, value_size, &s.entry);
	if (!error)
		*out_entry = s.entry;
	return error;
}

bool uapi_next_line(struct slice *text, struct slice *out_line) {
	if (text->size == 0)
		return false;
	const uint8_t *newline = memchr(text->data, '\n', text->size);
	size_t size = newline ? (size_t)(newline - text->data) : text->size;
	size_t used = newline ? size + 1 : size;
	*out_line = slice_of(text->data, size);
	*text = slice_of(text->data + used, text->size - used);
	return true;
}

void uapi_text_done(struct uapi_text *text) {
	if (!text)
		return;
	wipe(text->data, text->capacity);
	free(text->data);
	*text = (struct uapi_text){0};
}

/* Not realloc(), which would leave the old memory as it is. */
static enum err reserve(struct uapi_text *text, size_t more) {
	size_t needed;
	if (__builtin_add_overflow(text->size, more, &needed) || needed > SIZE_MAX / 2)
		return ERR_NO_MEMORY;
	if (needed <= text->capacity)
		return ERR_OK;
	size_t capacity = text->capacity > 0 ? text->capacity : TEXT_CAPACITY_FIRST;
	while (capacity < needed)
		capacity *= 2;
	char *data = malloc(capacity);
	if (!data)
		return ERR_NO_MEMORY;
	if (text->size > 0)
		memcpy(data, text->data, text->size);
	wipe(text->data, text->capacity);
	free(text->data);
	text->data = data;
	text->capacity = capacity;
	return ERR_OK;
}

static void append(struct uapi_text *text, const char *data, size_t size) {
	if (!text->error)
		text->error = reserve(text, size);
	if (text->error)
		return;
	memcpy(text->data + text->size, data, size);
	text->size += size;
}

void uapi_put_text(struct uapi_text *text, const char *key, const char *value) {
	append(text, key, strlen(key));
	append(text, "=", 1);
	uapi_put_line(text, value);
}

void uapi_put_line(struct uapi_text *text, const char *line) {
	append(text, line, strlen(line));
	append(text, "\n", 1);
}

void uapi_put_lines(struct uapi_text *text, struct slice lines) {
	if (lines.size == 0)
		return;
	append(text, (const char *)lines.data, lines.size);
	if (lines.data[lines.size - 1] != '\n')
		append(text, "\n", 1);
}

void uapi_put_key(struct uapi_text *text, const char *key,
				  const uint8_t bytes[static X25519_KEY_SIZE]) {
	char value[2 * X25519_KEY_SIZE + 1];
	WIPE_ON_EXIT(value);
	text_hex_encode(bytes, X25519_KEY_SIZE, value);
	uapi_put_text(text, key, value);
}

void uapi_put_bytes(struct uapi_text *text, const char *key, struct slice bytes) {
	struct {
		char value[2 * UAPI_PASSWORD_MAX + 1];
	} scratch;
	WIPE_ON_EXIT(scratch);
	if (bytes.size > UAPI_PASSWORD_MAX) {
		text->error = text->error ? text->error : ERR_LIMIT;
		return;
	}
	text_hex_encode(bytes.data, bytes.size, scratch.value);
	uapi_put_text(text, key, scratch.value);
}

void uapi_put_ticket(struct uapi_text *text, const char *key, const struct uapi_ticket *ticket) {
	char value[TICKET_HASH_DIGITS + 1 + 2 * UAPI_SEALED_MAX + 1];
	text_hex_encode(ticket->hash, sizeof ticket->hash, value);
	value[TICKET_HASH_DIGITS] = ',';
	text_hex_encode(ticket->sealed, ticket->size, value + TICKET_HASH_DIGITS + 1);
	uapi_put_text(text, key, value);
}

void uapi_put_number(struct uapi_text *text, const char *key, uint64_t number) {
	char value[24];
	(void)snprintf(value, sizeof value, "%llu", (unsigned long long)number);
	uapi_put_text(text, key, value);
}

void uapi_put_endpoint(struct uapi_text *text, const char *key, const struct endpoint *endpoint) {
	char value[ENDPOINT_TEXT_SIZE];
	endpoint_format(endpoint, value);
	uapi_put_text(text, key, value);
}

void uapi_put_prefix(struct uapi_text *text, const char *key, const struct prefix *prefix) {
	char value[ADDRESS_TEXT_SIZE];
	prefix_format(prefix, value);
	uapi_put_text(text, key, value);
}
