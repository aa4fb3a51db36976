#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "wire/target.h"

/*
 * SOCKS version 5 (RFC 1928) with names and passwords (RFC 1929), both sides of it.
 *
 * Messages of a connection follow each other without lengths, so decoders take what begins at data,
 * say how long it was, and answer ERR_TRUNCATED while bytes are missing; views last as long as
 * data. Encoders answer ERR_LIMIT where room is too small. ERR_MALFORMED: it is not what it ought
 * to be.
 */

enum {
	SOCKS5_VERSION = 5,
	SOCKS5_TEXT_MAX = 255, /* bytes of a user's name or password */
	SOCKS5_GREETING_MAX = 2 + 255,
	SOCKS5_PASSWORD_MAX = 3 + 2 * SOCKS5_TEXT_MAX,
	SOCKS5_REQUEST_MAX = 3 + 1 + 1 + 255 + 2, /* a reply's, too */
	SOCKS5_UDP_HEADER_MAX = 3 + 1 + 1 + TARGET_NAME_MAX + 2,
};

enum socks5_method {
	SOCKS5_METHOD_NONE = 0x00,
	SOCKS5_METHOD_PASSWORD = 0x02,
	SOCKS5_METHOD_UNACCEPTABLE = 0xff,
};

enum socks5_command {
	SOCKS5_CONNECT = 1,
	SOCKS5_BIND = 2,
	SOCKS5_UDP_ASSOCIATE = 3,
};

enum socks5_reply {
	SOCKS5_SUCCEEDED = 0,
	SOCKS5_FAILED = 1,
	SOCKS5_NOT_ALLOWED = 2, /* by the rules */
	SOCKS5_NETWORK_UNREACHABLE = 3,
	SOCKS5_HOST_UNREACHABLE = 4,
	SOCKS5_REFUSED = 5, /* the connection, by its target */
	SOCKS5_TTL_EXPIRED = 6,
	SOCKS5_COMMAND_UNSUPPORTED = 7,
	SOCKS5_ADDRESS_UNSUPPORTED = 8,
};

struct socks5_greeting {
	struct slice methods; /* enum socks5_method, one byte each */
};

/* RFC 1928 section 3: what a client offers. */
enum err socks5_greeting_decode(const uint8_t *data, size_t size,
								struct socks5_greeting *out_greeting, size_t *out_size);
enum err socks5_greeting_encode(const struct socks5_greeting *greeting, uint8_t *out_data,
								size_t room, size_t *out_size);
bool socks5_greeting_offers(const struct socks5_greeting *greeting, enum socks5_method method);

/* And what the server takes of it. */
enum err socks5_method_decode(const uint8_t *data, size_t size, uint8_t *out_method,
							  size_t *out_size);
enum err socks5_method_encode(enum socks5_method method, uint8_t *out_data, size_t room,
							  size_t *out_size);

/* RFC 1929 section 2. Empty ones pass. Encoding: ERR_INVALID beyond SOCKS5_TEXT_MAX. */
struct socks5_password {
	struct slice name, password;
};
enum err socks5_password_decode(const uint8_t *data, size_t size,
								struct socks5_password *out_password, size_t *out_size);
enum err socks5_password_encode(const struct socks5_password *password, uint8_t *out_data,
								size_t room, size_t *out_size);

enum err socks5_password_reply_decode(const uint8_t *data, size_t size, bool *out_accepted,
									  size_t *out_size);
enum err socks5_password_reply_encode(bool accepted, uint8_t *out_data, size_t room,
									  size_t *out_size);

/*
 * Section 4; commands that are unknown pass. A name that is the text of an address becomes that
 * address. ERR_UNSUPPORTED: an unknown type of address. ERR_INVALID: a name that cannot be one, see
 * wire/target.h; the message is complete then, and out_size set. target.udp is that of a command
 * SOCKS5_UDP_ASSOCIATE, whose target is what the client will send from, if that is known to it.
 */
struct socks5_request {
	uint8_t command; /* enum socks5_command */
	struct target target;
};
enum err socks5_request_decode(const uint8_t *data, size_t size, struct socks5_request *out_request,
							   size_t *out_size);
enum err socks5_request_encode(const struct socks5_request *request, uint8_t *out_data, size_t room,
							   size_t *out_size);

/* Section 6, with the same errors. */
struct socks5_answer {
	uint8_t reply;       /* enum socks5_reply */
	struct target bound; /* where the server sends from, or wants to have datagrams sent to */
};
enum err socks5_answer_decode(const uint8_t *data, size_t size, struct socks5_answer *out_answer,
							  size_t *out_size);
enum err socks5_answer_encode(const struct socks5_answer *answer, uint8_t *out_data, size_t room,
							  size_t *out_size);

/*
 * Section 7: a datagram; out_payload is a view into it. The same errors, and ERR_UNSUPPORTED for a
 * fragment as well, which whoever does not join them has to drop. Encoding writes the header alone.
 */
enum err socks5_udp_decode(const uint8_t *data, size_t size, struct target *out_target,
						   struct slice *out_payload);
enum err socks5_udp_encode(const struct target *target, uint8_t *out_data, size_t room,
						   size_t *out_size);
