#include "tunnel/plan_login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "tunnel/plan_part.h"

enum { PEM_LINE = 64, PEM_LABEL_MAX = 64 }; /* characters, RFC 7468 section 2 */

static bool begins(struct slice line, const char *with) {
	const size_t size = strlen(with);
	return line.size >= size && memcmp(line.data, with, size) == 0;
}

/* Without what may stand behind it. */
static struct slice trimmed(struct slice line) {
	while (line.size > 0 && line.data[line.size - 1] <= ' ')
		line.size--;
	return line;
}

static void put_line(struct uapi_text *text, const char *key, struct slice line) {
	char value[PEM_LINE + 1];
	memcpy(value, line.data, line.size);
	value[line.size] = '\0';
	uapi_put_text(text, key, value);
}

/* Of base64, in pieces that a line of the device's text has room for. */
static void put_base64(struct uapi_text *text, const char *key, struct slice line) {
	while (line.size > 0) {
		const size_t size = line.size < PEM_LINE ? line.size : PEM_LINE;
		put_line(text, key, slice_of(line.data, size));
		line = slice_of(line.data + size, line.size - size);
	}
}

/* The blocks of that label, "CERTIFICATE"; whatever else is in the file stays here. */
static void put_pem(struct uapi_text *text, const char *key, const char *label, const char *pem) {
	char first[PEM_LABEL_MAX], last[PEM_LABEL_MAX];
	struct slice rest = slice_of_text(pem ? pem : ""), line;
	bool inside = false;
	(void)snprintf(first, sizeof first, "-----BEGIN %s-----", label);
	(void)snprintf(last, sizeof last, "-----END %s-----", label);
	while (uapi_next_line(&rest, &line)) {
		line = trimmed(line);
		const bool ends = inside && begins(line, last);
		if (!inside && begins(line, first)) {
			uapi_put_text(text, key, first);
			inside = true;
		} else if (ends) {
			uapi_put_text(text, key, last);
			inside = false;
		} else if (inside) {
			put_base64(text, key, line);
		}
	}
}

static void put_authorities(const struct config_tunnel *tunnel, const struct config_peer *peer,
							struct uapi_text *text) {
	uapi_put_line(text, "replace_authorities=true");
	put_pem(text, "authority", "CERTIFICATE", tunnel->login.authorities);
}

static void put_revoked(const struct config_tunnel *tunnel, const struct config_peer *peer,
						struct uapi_text *text) {
	uapi_put_line(text, "replace_revoked=true");
	put_pem(text, "revoked", "X509 CRL", tunnel->login.revoked);
}

static bool is_zero(const uint8_t key[static TEXT_KEY_SIZE]) {
	return wipe_is_zero(key, TEXT_KEY_SIZE);
}

static void put_certificates(const struct config_tunnel *tunnel, const struct config_peer *peer,
							 struct uapi_text *text) {
	uapi_put_line(text, "replace_certificates=true");
	put_pem(text, "certificate", "CERTIFICATE", tunnel->login.certificates);
	if (!is_zero(tunnel->login.signing_key))
		uapi_put_key(text, "signing_key", tunnel->login.signing_key);
}

static void put_server(const struct config_tunnel *tunnel, const struct config_peer *peer,
					   struct uapi_text *text) {
	static const uint8_t none[TEXT_KEY_SIZE];
	const struct config_login *login = &tunnel->login;
	uapi_put_key(text, "pin", login->pin.count > 0 ? login->pin.items[0].bytes : none);
	uapi_put_text(text, "server_name", login->server_name);
}

static bool demands(const struct config_login *login, const char *what) {
	for (size_t i = 0; i < login->demands.count; i++)
		if (strcmp(login->demands.items[i], what) == 0)
			return true;
	return false;
}

static void put_demands(const struct config_tunnel *tunnel, const struct config_peer *peer,
						struct uapi_text *text) {
	const bool certificate = demands(&tunnel->login, "certificate");
	uapi_put_text(text, "demands",
				  !certificate                          ? "password"
				  : demands(&tunnel->login, "password") ? "password,certificate"
														: "certificate");
}

static void put_ticket_key(const struct config_tunnel *tunnel, const struct config_peer *peer,
						   struct uapi_text *text) {
	if (!is_zero(tunnel->login.ticket_key))
		uapi_put_key(text, "ticket_key", tunnel->login.ticket_key);
}

static void put_tickets(const struct config_tunnel *tunnel, const struct config_peer *peer,
						struct uapi_text *text) {
	const struct config_choice *tickets = &tunnel->login.tickets;
	uapi_put_number(text, "ticket_seconds", tickets->off ? 0 : tickets->value);
}

static void put_transport(const struct config_tunnel *tunnel, const struct config_peer *peer,
						  struct uapi_text *text) {
	const bool udp = config_goes_over(tunnel, CONFIG_UDP);
	const bool tcp = config_goes_over(tunnel, CONFIG_TCP);
	uapi_put_text(text, "transport", udp && tcp ? "udp,tcp" : tcp ? "tcp" : "udp");
}

void plan_login_put(const struct config_tunnel *before, const struct config_tunnel *tunnel,
					struct uapi_text *text) {
	static plan_part *const of_server[] = {
		put_authorities, put_revoked, put_certificates, put_demands,
		put_ticket_key,  put_tickets, put_transport,    NULL};
	static plan_part *const of_client[] = {
		put_authorities, put_revoked, put_certificates, put_server, put_ticket_key,
		put_transport,   NULL};
	plan_part *const *parts = tunnel->role == CONFIG_CLIENT ? of_client : of_server;
	for (; *parts; parts++)
		plan_part_put(*parts, before, NULL, tunnel, NULL, text);
}

bool plan_login_needs_restart(const struct config_tunnel *before,
							  const struct config_tunnel *after) {
	const bool was = config_goes_over(before, CONFIG_TCP), is = config_goes_over(after, CONFIG_TCP);
	return was != is || (is && !endpoint_equal(&before->listen, &after->listen));
}

void plan_login_put_user(const struct config_tunnel *tunnel, const struct config_peer *peer,
						 struct uapi_text *text) {
	const struct config_login *login = &tunnel->login;
	if (login->username)
		uapi_put_text(text, "name", login->username);
	if (login->password)
		uapi_put_bytes(text, "password", slice_of_text(login->password));
}
