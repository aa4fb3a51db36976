#include <stddef.h>

#include "conf/schema_shared.h"

#define AT(member) SCHEMA_SHARED_AT(member)
#define AT_LOGIN(member) .offset = offsetof(struct config_tunnel, login.member)
const char *const schema_demands[] = {"password", "certificate", NULL};
const char *const schema_transports[] = {"udp", "tcp", NULL};
_Static_assert(sizeof schema_transports / sizeof schema_transports[0] == CONFIG_TRANSPORTS_MAX + 1);
/* As enum config_carriage. */
const char *const schema_carriages[] = {"udp", "tcp", "auto", NULL};

enum {
	TICKETS_MIN = 60,
	TICKETS_MAX = 7 * 24 * 60 * 60, /* behind a login with all that is demanded */
};

/* Where ends share keys. */
#define ROWS_OF_SHARED_KEYS                                                                     \
	{.key = "psk_file",                                                                         \
	 .type = SCHEMA_PATH,                                                                       \
	 .flags = SCHEMA_OF_SHARED | SCHEMA_OF_CLIENT | SCHEMA_NEEDED,                              \
	 AT(psk_file),                                                                              \
	 .maximum = SCHEMA_SHARED_PATH_MAX,                                                         \
	 .absent = "none; a client needs it",                                                       \
	 .example = "keys/office.psk",                                                              \
	 .help = "File with the key that this client and its server share (\"umbra genpsk\" makes " \
			 "one), one for each client; readable by its owner alone."},                        \
	{                                                                                           \
		.key = "identity", .type = SCHEMA_KEY, .flags = SCHEMA_OF_SHARED | SCHEMA_OF_CLIENT,    \
		AT(identity), .absent = "that of the key in psk_file",                                  \
		.example = "\"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\"",                          \
		.help = "What status calls the server by, which follows from the key; where it stands " \
				"here it "                                                                      \
				"has to fit the key."                                                           \
	}

/* Where clients log in: who the client is, and whom it expects. */
#define ROWS_OF_CLIENTS                                                                            \
	{.key = "username",                                                                            \
	 .type = SCHEMA_LABEL,                                                                         \
	 .flags = SCHEMA_OF_LOGIN | SCHEMA_OF_CLIENT,                                                  \
	 AT_LOGIN(username),                                                                           \
	 .absent = "none; \"umbra login\" asks for it",                                                \
	 .example = "alice",                                                                           \
	 .help = "The user who logs in."},                                                             \
		{.key = "password_file",                                                                   \
		 .type = SCHEMA_PATH,                                                                      \
		 .flags = SCHEMA_OF_LOGIN | SCHEMA_OF_CLIENT,                                              \
		 AT_LOGIN(password_file),                                                                  \
		 .maximum = SCHEMA_SHARED_PATH_MAX,                                                        \
		 .absent = "none; \"umbra login\" asks for it",                                            \
		 .example = "keys/work.password",                                                          \
		 .help = "File with the user's password in one line; readable by its owner alone."},       \
		{.key = "ca_file",                                                                         \
		 .type = SCHEMA_PATH,                                                                      \
		 .flags = SCHEMA_OF_LOGIN | SCHEMA_SHOWN,                                                  \
		 AT_LOGIN(ca_file),                                                                        \
		 .maximum = SCHEMA_SHARED_PATH_MAX,                                                        \
		 .absent = "none; a client needs it or auth.pin, and a server to "                         \
				   "demand certificates",                                                          \
		 .example = "ca/ca.pem",                                                                   \
		 .help = "File with the authorities that vouch for the other end, Ed25519 certificates "   \
				 "in PEM "                                                                         \
				 "(\"umbra ca init\" makes one). \"umbra reload\" takes up what changed in it."},  \
		{.key = "pin",                                                                             \
		 .type = SCHEMA_PINS,                                                                      \
		 .flags = SCHEMA_OF_LOGIN | SCHEMA_OF_CLIENT,                                              \
		 AT_LOGIN(pin),                                                                            \
		 .maximum = 1,                                                                             \
		 .standard = "",                                                                           \
		 .example = "[\"sha256/hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\"]",                   \
		 .help =                                                                                   \
			 "SHA-256 of the public key that the server's certificate must have. Without ca_file " \
			 "it is all that vouches for the server, together with its name and times."},          \
	{                                                                                              \
		.key = "server_name", .type = SCHEMA_NAME, .flags = SCHEMA_OF_LOGIN | SCHEMA_OF_CLIENT,    \
		AT_LOGIN(server_name), .absent = "that of the first endpoint",                             \
		.example = "vpn.example.org",                                                              \
		.help = "The name or address that the server's certificate must be for."                   \
	}

/* And what either end shows. */
#define ROWS_OF_CERTIFICATES                                                                      \
	{.key = "certificate_file",                                                                   \
	 .type = SCHEMA_PATH,                                                                         \
	 .flags = SCHEMA_OF_LOGIN | SCHEMA_LOGIN_SERVER_NEEDED,                                       \
	 AT_LOGIN(certificate_file),                                                                  \
	 .maximum = SCHEMA_SHARED_PATH_MAX,                                                           \
	 .absent = "none; a server needs it",                                                         \
	 .example = "keys/vpn.pem",                                                                   \
	 .help = "File with this end's certificate and those between it and its authority, in PEM "   \
			 "(\"umbra ca issue\" makes one). \"umbra reload\" takes up what changed in it."},    \
		{.key = "key_file",                                                                       \
		 .type = SCHEMA_PATH,                                                                     \
		 .flags = SCHEMA_OF_LOGIN | SCHEMA_LOGIN_SERVER_NEEDED,                                   \
		 AT_LOGIN(key_file),                                                                      \
		 .maximum = SCHEMA_SHARED_PATH_MAX,                                                       \
		 .absent = "none; a server needs it",                                                     \
		 .example = "keys/vpn.key",                                                               \
		 .help =                                                                                  \
			 "File with the certificate's private key, in PEM without a passphrase; readable by " \
			 "its owner alone."},                                                                 \
		{.key = "crl_file",                                                                       \
		 .type = SCHEMA_PATH,                                                                     \
		 .flags = SCHEMA_OF_LOGIN,                                                                \
		 AT_LOGIN(crl_file),                                                                      \
		 .maximum = SCHEMA_SHARED_PATH_MAX,                                                       \
		 .absent = "none",                                                                        \
		 .example = "ca/crl.pem",                                                                 \
		 .help =                                                                                  \
			 "File with the lists of revoked certificates of the authorities in ca_file, in PEM " \
			 "(\"umbra ca revoke\" writes one). \"umbra reload\" takes up what changed in it, "   \
			 "and "                                                                               \
			 "ends the sessions of those that are revoked."},                                     \
	{                                                                                             \
		.key = "ticket_key_file", .type = SCHEMA_PATH, .flags = SCHEMA_OF_LOGIN,                  \
		AT_LOGIN(ticket_key_file), .maximum = SCHEMA_SHARED_PATH_MAX,                             \
		.absent = "the file ticket.key in node.state_dir, which is made",                         \
		.example = "keys/ticket.key",                                                             \
		.help = "File with the key that tickets are sealed with where they are kept (\"umbra "    \
				"genpsk\" "                                                                       \
				"makes one); readable by its owner alone."                                        \
	}

/* And whom the server lets in. */
#define ROWS_OF_SERVERS                                                                         \
	{.key = "demands",                                                                          \
	 .type = SCHEMA_WORDS,                                                                      \
	 .flags = SCHEMA_OF_LOGIN | SCHEMA_OF_SERVER,                                               \
	 AT_LOGIN(demands),                                                                         \
	 .maximum = CONFIG_DEMANDS_MAX,                                                             \
	 .choices = schema_demands,                                                                 \
	 .standard = "",                                                                            \
	 .absent = "[password]",                                                                    \
	 .example = "[password, certificate]",                                                      \
	 .help = "What clients have to show, all of it: a user's password, a certificate that an "  \
			 "authority of ca_file made out to the user."},                                     \
		{.key = "groups",                                                                       \
		 .type = SCHEMA_LABELS,                                                                 \
		 .flags = SCHEMA_OF_LOGIN | SCHEMA_OF_SERVER,                                           \
		 AT_LOGIN(groups),                                                                      \
		 .maximum = CONFIG_GROUPS_MAX,                                                          \
		 .standard = "",                                                                        \
		 .absent = "all users",                                                                 \
		 .example = "[staff, guests]",                                                          \
		 .help = "Groups whose users may log in here."},                                        \
	{                                                                                           \
		.key = "tickets", .type = SCHEMA_NUMBER,                                                \
		.flags = SCHEMA_OF_LOGIN | SCHEMA_OF_SERVER | SCHEMA_OFF, AT_LOGIN(tickets),            \
		.minimum = TICKETS_MIN, .maximum = TICKETS_MAX, .standard = "604800",                   \
		.help = "Seconds behind a login during which a client comes back without password and " \
				"certificate, by a ticket that is good once. off: it logs in every time."       \
	}

const struct schema_row schema_auth_rows[] = {
	ROWS_OF_SHARED_KEYS, ROWS_OF_CLIENTS, ROWS_OF_CERTIFICATES, ROWS_OF_SERVERS, {0},
};
