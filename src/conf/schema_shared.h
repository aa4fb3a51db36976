#pragma once

#include <stddef.h>

#include "conf/config.h"
#include "conf/schema.h"
#include "wire/interface_settings.h"

/*
 * What tunnels whose ends share keys have besides: rows of a tunnel's and of a peer's. Those of a
 * tunnel are of tunnels whose clients log in as well.
 */

extern const struct schema_row schema_auth_rows[], schema_rekey_rows[], schema_push_rows[];
extern const char *const schema_ciphers[], *const schema_demands[];
extern const char *const schema_transports[], *const schema_carriages[];

#define SCHEMA_SHARED_AT(member) .offset = offsetof(struct config_tunnel, shared.member)
#define SCHEMA_SHARED_GROUP(name, more, group_rows, text)                        \
	{                                                                            \
		.key = (name), .type = SCHEMA_GROUP, .flags = SCHEMA_OF_EITHER | (more), \
		.rows = (group_rows), .help = (text)                                     \
	}

#define SCHEMA_SHARED                                                                            \
	{.key = "endpoints",                                                                         \
	 .type = SCHEMA_HOSTS,                                                                       \
	 .flags = SCHEMA_OF_EITHER | SCHEMA_OF_CLIENT | SCHEMA_NEEDED,                               \
	 SCHEMA_SHARED_AT(endpoints),                                                                \
	 .maximum = CONFIG_ENDPOINTS_MAX,                                                            \
	 .standard = "",                                                                             \
	 .absent = "none; a client needs one at least",                                              \
	 .example = "[\"vpn.example.org:51820\"]",                                                   \
	 .help = "Where the server is reached: names or addresses, and ports. Of several with one "  \
			 "shared key the nearest that answers is used, otherwise the first."},               \
		{.key = "transport",                                                                     \
		 .type = SCHEMA_INDEX,                                                                   \
		 .flags = SCHEMA_OF_LOGIN | SCHEMA_OF_CLIENT,                                            \
		 .offset = offsetof(struct config_tunnel, login.transport),                              \
		 .choices = schema_carriages,                                                            \
		 .standard = "udp",                                                                      \
		 .help = "What carries the tunnel to the server. tcp is for networks that let no UDP "   \
				 "through, and slower. auto: TCP wherever UDP stays without an answer."},        \
		{.key = "transports",                                                                    \
		 .type = SCHEMA_WORDS,                                                                   \
		 .flags = SCHEMA_OF_LOGIN | SCHEMA_OF_SERVER,                                            \
		 .offset = offsetof(struct config_tunnel, login.transports),                             \
		 .maximum = CONFIG_TRANSPORTS_MAX,                                                       \
		 .choices = schema_transports,                                                           \
		 .standard = "",                                                                         \
		 .absent = "[udp, tcp]",                                                                 \
		 .example = "[udp]",                                                                     \
		 .help = "What clients may come by, to the one port of listen. Without udp nobody is "   \
				 "answered there, though the socket is open."},                                  \
		SCHEMA_SHARED_GROUP("auth", SCHEMA_SHARED_CLIENT, schema_auth_rows,                      \
							"What the ends know each other by."),                                \
		{.key = "ciphers",                                                                       \
		 .type = SCHEMA_WORDS,                                                                   \
		 .flags = SCHEMA_OF_EITHER,                                                              \
		 SCHEMA_SHARED_AT(ciphers),                                                              \
		 .maximum = CONFIG_CIPHERS_MAX,                                                          \
		 .choices = schema_ciphers,                                                              \
		 .standard = "",                                                                         \
		 .absent = "[aes-256-gcm, chacha20-poly1305]",                                           \
		 .example = "[chacha20-poly1305]",                                                       \
		 .help = "Ciphers that may be used. Where ends share keys a client's order counts: the " \
				 "first of its that the server has as well is taken. Where clients log in, AES " \
				 "is taken where both have instructions for it."},                               \
		SCHEMA_SHARED_GROUP("rekey", 0, schema_rekey_rows,                                       \
							"When new keys are agreed on; nothing is lost meanwhile."),          \
		{.key = "keepalive",                                                                     \
		 .type = SCHEMA_NUMBER,                                                                  \
		 .flags = SCHEMA_OF_EITHER,                                                              \
		 SCHEMA_SHARED_AT(keepalive),                                                            \
		 .minimum = 1,                                                                           \
		 .maximum = CONFIG_KEEPALIVE_MAX,                                                        \
		 .standard = "10",                                                                       \
		 .help = "Seconds without a packet of this end after which it sends an empty one. Who "  \
				 "hears nothing for three times as long takes the other end for gone."},         \
		{.key = "client_to_client",                                                              \
		 .type = SCHEMA_BOOL,                                                                    \
		 .flags = SCHEMA_OF_EITHER | SCHEMA_OF_SERVER,                                           \
		 SCHEMA_SHARED_AT(client_to_client),                                                     \
		 .standard = "false",                                                                    \
		 .help = "Whether clients reach each other through this server."},                       \
		SCHEMA_SHARED_GROUP("push", SCHEMA_OF_SERVER, schema_push_rows,                          \
							"What clients are told of their interfaces when they come, besides " \
							"their addresses.")

enum { SCHEMA_SHARED_PATH_MAX = 4095 }; /* characters */

/* Of a peer: its key, and what it is told. */
#define SCHEMA_SHARED_PEER                                                                      \
	{.key = "psk_file",                                                                         \
	 .type = SCHEMA_PATH,                                                                       \
	 .flags = SCHEMA_OF_SHARED | SCHEMA_OF_SERVER | SCHEMA_NEEDED,                              \
	 .offset = offsetof(struct config_peer, preshared_key_file),                                \
	 .maximum = SCHEMA_SHARED_PATH_MAX,                                                         \
	 .absent = "none; the peers of a server with shared keys need it",                          \
	 .example = "keys/phone.psk",                                                               \
	 .help = "File with the key that this client and the server share (\"umbra genpsk\" makes " \
			 "one), one for each client; readable by its owner alone."},                        \
	{                                                                                           \
		.key = "identity", .type = SCHEMA_KEY, .flags = SCHEMA_OF_SHARED | SCHEMA_OF_SERVER,    \
		.offset = offsetof(struct config_peer, public_key),                                     \
		.absent = "that of the key in psk_file",                                                \
		.example = "\"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\"",                          \
		.help = "What status calls the client by, which follows from the key; where it stands " \
				"here it "                                                                      \
				"has to fit the key."                                                           \
	}
#define SCHEMA_SHARED_TOLD                                                                         \
	{                                                                                              \
		.key = "addresses", .type = SCHEMA_NETWORKS, .flags = SCHEMA_OF_SHARED | SCHEMA_OF_SERVER, \
		.offset = offsetof(struct config_peer, told), .maximum = INTERFACE_SETTINGS_ADDRESSES_MAX, \
		.standard = "", .absent = "those of allowed_ips that are one address",                     \
		.example = "[10.66.0.2/24, \"fd66::2/64\"]",                                               \
		.help =                                                                                    \
			"The addresses that the client is told to have, with the lengths of their networks."   \
	}
