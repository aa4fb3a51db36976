/* Lines that parse are written and parsed again to the same entry. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "expect.h"
#include "wire/uapi.h"

/* Of tunnels with roles. */
static void put_of_roles(struct uapi_text *text, const struct uapi_entry *entry) {
	char hex[2 * UAPI_INSTANCE_SIZE + 1], address[ADDRESS_TEXT_SIZE];
	switch (entry->key) {
	case UAPI_ROLE:
		uapi_put_text(text, "role", entry->text);
		break;
	case UAPI_INSTANCE:
		text_hex_encode(entry->bytes, UAPI_INSTANCE_SIZE, hex);
		uapi_put_text(text, "instance", hex);
		break;
	case UAPI_CIPHERS:
		uapi_put_text(text, "ciphers", entry->text);
		break;
	case UAPI_REKEY_SECONDS:
		uapi_put_number(text, "rekey_seconds", entry->number);
		break;
	case UAPI_REKEY_PACKETS:
		uapi_put_number(text, "rekey_packets", entry->number);
		break;
	case UAPI_KEEPALIVE:
		uapi_put_number(text, "keepalive", entry->number);
		break;
	case UAPI_CLIENT_TO_CLIENT:
		uapi_put_text(text, "client_to_client", entry->number ? "true" : "false");
		break;
	case UAPI_REPLACE_PUSH:
		uapi_put_line(text, "replace_push=true");
		break;
	case UAPI_PUSH_ROUTE:
		uapi_put_prefix(text, "push_route", &entry->prefix);
		break;
	case UAPI_PUSH_DNS:
		address_format(&entry->address, address);
		uapi_put_text(text, "push_dns", address);
		break;
	case UAPI_PUSH_DOMAIN:
		uapi_put_text(text, "push_domain", entry->text);
		break;
	case UAPI_PUSH_MTU:
		uapi_put_number(text, "push_mtu", entry->number);
		break;
	case UAPI_REPLACE_ENDPOINTS:
		uapi_put_line(text, "replace_endpoints=true");
		break;
	case UAPI_ADDRESS:
		uapi_put_prefix(text, "address", &entry->prefix);
		break;
	default:
		expect(false);
	}
}

static void put_of_logins(struct uapi_text *text, const struct uapi_entry *entry) {
	switch (entry->key) {
	case UAPI_REPLACE_AUTHORITIES:
		uapi_put_line(text, "replace_authorities=true");
		break;
	case UAPI_AUTHORITY:
		uapi_put_text(text, "authority", entry->text);
		break;
	case UAPI_REPLACE_REVOKED:
		uapi_put_line(text, "replace_revoked=true");
		break;
	case UAPI_REVOKED:
		uapi_put_text(text, "revoked", entry->text);
		break;
	case UAPI_REPLACE_CERTIFICATES:
		uapi_put_line(text, "replace_certificates=true");
		break;
	case UAPI_CERTIFICATE:
		uapi_put_text(text, "certificate", entry->text);
		break;
	case UAPI_SIGNING_KEY:
		uapi_put_key(text, "signing_key", entry->bytes);
		break;
	case UAPI_PIN:
		uapi_put_key(text, "pin", entry->bytes);
		break;
	case UAPI_SERVER_NAME:
		uapi_put_text(text, "server_name", entry->text);
		break;
	case UAPI_TRANSPORT:
		uapi_put_text(text, "transport", entry->text);
		break;
	case UAPI_DEMANDS:
		uapi_put_text(text, "demands", entry->text);
		break;
	case UAPI_TICKET_KEY:
		uapi_put_key(text, "ticket_key", entry->bytes);
		break;
	case UAPI_TICKET_SECONDS:
		uapi_put_number(text, "ticket_seconds", entry->number);
		break;
	case UAPI_END:
		uapi_put_number(text, "end", entry->number);
		break;
	case UAPI_PASSWORD:
		uapi_put_bytes(text, "password", slice_of(entry->password.bytes, entry->password.size));
		break;
	case UAPI_RATE:
		uapi_put_number(text, "rate", entry->large);
		break;
	case UAPI_QUOTA:
		uapi_put_number(text, "quota", entry->large);
		break;
	case UAPI_UNTIL:
		uapi_put_number(text, "until", entry->large);
		break;
	case UAPI_TICKET:
		uapi_put_ticket(text, "ticket", &entry->ticket);
		break;
	default:
		put_of_roles(text, entry);
	}
}

static void put(struct uapi_text *text, const struct uapi_entry *entry) {
	switch (entry->key) {
	case UAPI_PRIVATE_KEY:
		uapi_put_key(text, "private_key", entry->bytes);
		break;
	case UAPI_PUBLIC_KEY:
		uapi_put_key(text, "public_key", entry->bytes);
		break;
	case UAPI_PRESHARED_KEY:
		uapi_put_key(text, "preshared_key", entry->bytes);
		break;
	case UAPI_LISTEN_PORT:
		uapi_put_number(text, "listen_port", entry->number);
		break;
	case UAPI_FWMARK:
		uapi_put_number(text, "fwmark", entry->number);
		break;
	case UAPI_PERSISTENT_KEEPALIVE:
		uapi_put_number(text, "persistent_keepalive_interval", entry->number);
		break;
	case UAPI_ENDPOINT:
		uapi_put_endpoint(text, "endpoint", &entry->endpoint);
		break;
	case UAPI_ALLOWED_IP:
		uapi_put_prefix(text, "allowed_ip", &entry->prefix);
		break;
	case UAPI_REPLACE_PEERS:
		uapi_put_line(text, "replace_peers=true");
		break;
	case UAPI_REMOVE:
		uapi_put_line(text, "remove=true");
		break;
	case UAPI_UPDATE_ONLY:
		uapi_put_line(text, "update_only=true");
		break;
	case UAPI_LOGIN:
		uapi_put_line(text, "login=true");
		break;
	case UAPI_REPLACE_ALLOWED_IPS:
		uapi_put_line(text, "replace_allowed_ips=true");
		break;
	case UAPI_UMBRA:
		uapi_put_number(text, "umbra", entry->number);
		break;
	case UAPI_NAME:
		uapi_put_text(text, "name", entry->text);
		break;
	case UAPI_RULE:
		uapi_put_text(text, "rule", entry->text);
		break;
	case UAPI_REPLACE_RULES:
		uapi_put_line(text, "replace_rules=true");
		break;
	case UAPI_PROTOCOL_VERSION:
		uapi_put_line(text, "protocol_version=1");
		break;
	default:
		put_of_logins(text, entry);
	}
}

static bool same(const struct uapi_entry *left, const struct uapi_entry *right) {
	if (left->key != right->key)
		return false;
	switch (left->key) {
	case UAPI_PRIVATE_KEY:
	case UAPI_PUBLIC_KEY:
	case UAPI_PRESHARED_KEY:
	case UAPI_SIGNING_KEY:
	case UAPI_PIN:
	case UAPI_TICKET_KEY:
		return memcmp(left->bytes, right->bytes, sizeof left->bytes) == 0;
	case UAPI_LISTEN_PORT:
	case UAPI_FWMARK:
	case UAPI_PERSISTENT_KEEPALIVE:
	case UAPI_UMBRA:
	case UAPI_REKEY_SECONDS:
	case UAPI_REKEY_PACKETS:
	case UAPI_KEEPALIVE:
	case UAPI_CLIENT_TO_CLIENT:
	case UAPI_PUSH_MTU:
	case UAPI_TICKET_SECONDS:
	case UAPI_END:
		return left->number == right->number;
	case UAPI_RATE:
	case UAPI_QUOTA:
	case UAPI_UNTIL:
		return left->large == right->large;
	case UAPI_PASSWORD:
		return left->password.size == right->password.size &&
			   memcmp(left->password.bytes, right->password.bytes, left->password.size) == 0;
	case UAPI_TICKET:
		return left->ticket.size == right->ticket.size &&
			   memcmp(left->ticket.hash, right->ticket.hash, sizeof left->ticket.hash) == 0 &&
			   memcmp(left->ticket.sealed, right->ticket.sealed, left->ticket.size) == 0;
	case UAPI_ENDPOINT:
		return endpoint_equal(&left->endpoint, &right->endpoint);
	case UAPI_INSTANCE:
		return memcmp(left->bytes, right->bytes, UAPI_INSTANCE_SIZE) == 0;
	case UAPI_PUSH_DNS:
		return address_equal(&left->address, &right->address);
	case UAPI_ALLOWED_IP:
	case UAPI_PUSH_ROUTE:
	case UAPI_ADDRESS:
		return prefix_equal(&left->prefix, &right->prefix);
	case UAPI_NAME:
	case UAPI_RULE:
	case UAPI_ROLE:
	case UAPI_CIPHERS:
	case UAPI_PUSH_DOMAIN:
	case UAPI_AUTHORITY:
	case UAPI_REVOKED:
	case UAPI_CERTIFICATE:
	case UAPI_SERVER_NAME:
	case UAPI_DEMANDS:
	case UAPI_TRANSPORT:
		return strcmp(left->text, right->text) == 0;
	case UAPI_REPLACE_RULES:
	case UAPI_REPLACE_PEERS:
	case UAPI_REPLACE_PUSH:
	case UAPI_REPLACE_ENDPOINTS:
	case UAPI_REPLACE_AUTHORITIES:
	case UAPI_REPLACE_REVOKED:
	case UAPI_REPLACE_CERTIFICATES:
	case UAPI_REMOVE:
	case UAPI_UPDATE_ONLY:
	case UAPI_LOGIN:
	case UAPI_REPLACE_ALLOWED_IPS:
	case UAPI_PROTOCOL_VERSION:
		return true;
	}
	return false;
}

static void check_line(const char *line, size_t size) {
	struct uapi_entry entry, again;
	if (uapi_parse_line(line, size, &entry))
		return;
	expect(!entry.subtract || entry.key == UAPI_ALLOWED_IP);
	if (entry.key == UAPI_NAME || entry.key == UAPI_RULE)
		expect(entry.text[0] && strlen(entry.text) <= UAPI_TEXT_MAX);
	struct uapi_text text = {0};
	put(&text, &entry);
	expect(!text.error && text.size > 0 && text.size <= text.capacity);
	expect(text.data[text.size - 1] == '\n' && !memchr(text.data, '\n', text.size - 1));
	expect(!uapi_parse_line(text.data, text.size - 1, &again) && same(&entry, &again));
	uapi_text_done(&text);
}

/* The input is a whole operation, so that seeds look as they do on the socket. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const char *text = (const char *)data;
	while (size > 0) {
		const char *newline = memchr(text, '\n', size);
		size_t line_size = newline ? (size_t)(newline - text) : size;
		check_line(text, line_size);
		size_t step = newline ? line_size + 1 : line_size;
		text += step;
		size -= step;
	}
	return 0;
}
