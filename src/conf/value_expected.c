#include <stdio.h>
#include <string.h>

#include "conf/value.h"

static void expect_choice(const struct schema_row *row, char *expected) {
	const char *list = row->type == SCHEMA_WORDS ? "a list of " : "";
	size_t used = (size_t)snprintf(expected, VALUE_EXPECTED_SIZE, "%s", list);
	for (size_t i = 0; row->choices[i] && used < VALUE_EXPECTED_SIZE; i++)
		used += (size_t)snprintf(expected + used, VALUE_EXPECTED_SIZE - used, "%s%s",
								 i == 0                ? ""
								 : row->choices[i + 1] ? ", "
													   : " or ",
								 row->choices[i]);
}

static void expect_number(const struct schema_row *row, char *expected) {
	char without[64] = "";
	for (size_t i = 0, used = 0; row->excluded && row->excluded[i]; i++)
		used += (size_t)snprintf(without + used, sizeof without - used, "%s%u",
								 i > 0 ? " and " : " but ", row->excluded[i]);
	const char *automatic = row->flags & SCHEMA_AUTOMATIC ? "auto, " : "";
	const char *off = row->flags & SCHEMA_OFF || row->type == SCHEMA_SECONDS ? "off, " : "";
	(void)snprintf(expected, VALUE_EXPECTED_SIZE, "%s%s%s%u to %u%s%s%s", automatic, off,
				   automatic[0] || off[0] ? "or " : "", row->minimum, row->maximum, without,
				   row->type == SCHEMA_SECONDS ? " seconds" : "",
				   row->flags & SCHEMA_HEXADECIMAL ? " (0x10 is read, too)" : "");
}

static const char *expected_text(const struct schema_row *row) {
	switch (row->type) {
	case SCHEMA_GROUP:
	case SCHEMA_TUNNELS:
		return "a map of keys and values";
	case SCHEMA_PEERS:
		return "a list of maps, each with a public_key";
	case SCHEMA_INCLUDE:
		return "a file or pattern, or a list of them";
	case SCHEMA_BOOL:
		return "true or false";
	case SCHEMA_LABEL:
		return "1 to 63 letters, digits, spaces and _.@-, beginning with a letter or digit";
	case SCHEMA_LISTEN:
		if (row->flags & SCHEMA_LOOPBACK)
			return "an address and port like 127.0.0.1:9090, or a port of 127.0.0.1";
		return "a port, or an address and port like \"[::]:51820\" or 192.0.2.1:51820";
	case SCHEMA_HOST:
		return "a host and a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\"";
	case SCHEMA_ADDRESSES:
		if (row->flags & SCHEMA_PUSHED)
			return "push, or a list of addresses like [192.0.2.1, \"2001:db8::1\"]";
		return "a list of addresses like [192.0.2.1, \"2001:db8::1\"]";
	case SCHEMA_NAMES:
		return "a list of domain names like [corp.example.org]";
	case SCHEMA_NETWORKS:
		return "a list of addresses with lengths like [10.66.0.1/24, \"fd66::1/64\"]";
	case SCHEMA_PREFIXES:
		return "a list of prefixes like [10.66.0.0/24, \"fd66::/64\"]";
	case SCHEMA_ITEMS:
		return "a list of maps";
	case SCHEMA_NAME:
		return "a domain name like vpn.example.org, or an address";
	case SCHEMA_ORIGIN:
		return "an address and port like http://127.0.0.1:8080";
	case SCHEMA_RULES:
		return "a list of rules like [\"allow 10.1.0.0/16 tcp 22\", \"deny any udp\"]";
	case SCHEMA_HOSTS:
		return "a list of hosts and ports like [vpn.example.org:51820]";
	case SCHEMA_LABELS:
		return "a list of names of 1 to 63 letters, digits, spaces and _.@-";
	case SCHEMA_PINS:
		if (row->maximum == 1)
			return "sha256/ and 44 characters of base64";
		return "a list of sha256/ and 44 characters of base64 each";
	case SCHEMA_KEY:
		return "44 characters of base64, as \"umbra pubkey\" prints them";
	default:
		return "another value";
	}
}

void value_expected(const struct schema_row *row, char expected[static VALUE_EXPECTED_SIZE]) {
	if (row->type == SCHEMA_WORD || row->type == SCHEMA_INDEX || row->type == SCHEMA_WORDS)
		expect_choice(row, expected);
	else if (row->type == SCHEMA_NUMBER || row->type == SCHEMA_SECONDS)
		expect_number(row, expected);
	else if (row->type == SCHEMA_PATH)
		(void)snprintf(expected, VALUE_EXPECTED_SIZE, "a path like %s, at most %u characters",
					   row->example ? row->example : row->standard, row->maximum);
	else if (row->type == SCHEMA_TOKEN)
		(void)snprintf(expected, VALUE_EXPECTED_SIZE,
					   "1 to %u letters, digits and !#$%%&'*+-.^_`|~", row->maximum);
	else if (row->type == SCHEMA_URL_PATH)
		(void)snprintf(expected, VALUE_EXPECTED_SIZE,
					   "a path of a URL like /news, at most %u characters", row->maximum);
	else
		(void)snprintf(expected, VALUE_EXPECTED_SIZE, "%s", expected_text(row));
}
