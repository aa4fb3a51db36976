#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "wire/dns_name.h"

/*
 * What somebody who hands DNS messages on needs to know of them; their bytes go on as they came.
 * RFC 1035 section 4, all numbers big-endian:
 *
 *   | id 2 | flags 2 | questions 2 | answers 2 | authorities 2 | additionals 2 | sections …
 *
 *   flags:    | QR 1 | opcode 4 | AA 1 | TC 1 | RD 1 | RA 1 | Z 1 | AD 1 | CD 1 | rcode 4 |
 *   question: | name | type 2 | class 2 |
 *   record:   | name | type 2 | class 2 | ttl 4 | size 2 | data … |
 *
 * EDNS (RFC 6891) is a record like any other here. Messages have one question.
 */

enum {
	DNS_HEADER_SIZE = 12,
	DNS_MESSAGE_MAX = 65535,
	DNS_QUESTION_MAX = DNS_HEADER_SIZE + DNS_NAME_MAX + 4, /* bytes of header and question */
	DNS_RECORDS_MAX = 512,                                 /* of a message that is looked into */
	DNS_CHAIN_MAX = 16,    /* names from the question to the addresses */
	DNS_ADDRESSES_MAX = 32 /* of one answer */
};

enum dns_flag {
	DNS_FLAG_ANSWER = 0x8000,
	DNS_FLAG_TRUNCATED = 0x0200,
	DNS_FLAG_RECURSION_DESIRED = 0x0100,
	DNS_FLAG_RECURSION_AVAILABLE = 0x0080,
	DNS_FLAG_CHECKING_DISABLED = 0x0010,
	DNS_FLAGS_OPCODE = 0x7800,
	DNS_FLAGS_RCODE = 0x000f,
};

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SVCB = 64, /* RFC 9460 */
	DNS_TYPE_HTTPS = 65,
};

enum { DNS_CLASS_IN = 1 };

enum dns_rcode {
	DNS_RCODE_OK = 0,
	DNS_RCODE_FORMAT = 1,
	DNS_RCODE_FAILED = 2,
	DNS_RCODE_REFUSED = 5
};

struct dns_question {
	uint16_t id, flags;
	struct dns_name name;
	uint16_t type, class;
	size_t size; /* bytes of header and question */
};

/*
 * Header and question of a query or an answer. ERR_MALFORMED, ERR_TRUNCATED; ERR_UNSUPPORTED:
 * another number of questions than one, or another operation than a query (opcode 0).
 */
enum err dns_question_decode(const uint8_t *data, size_t size, struct dns_question *out_question);

/* Whether an answer is one to the query: the same id, name, type and class. */
bool dns_question_is_answered(const struct dns_question *query, const struct dns_question *answer);

/* In place, of a message of at least DNS_HEADER_SIZE bytes. */
void dns_set_id(uint8_t *data, uint16_t id);

/*
 * An answer without records to the query whose bytes data are (question is what was decoded of
 * them), at most DNS_QUESTION_MAX bytes; flags: DNS_FLAG_TRUNCATED or none.
 */
size_t dns_answer_encode(const uint8_t *data, const struct dns_question *question,
						 enum dns_rcode rcode, uint16_t flags,
						 uint8_t out_data[static DNS_QUESTION_MAX]);

/* What an answer leads to. */
struct dns_addresses {
	struct address items[DNS_ADDRESSES_MAX]; /* some of them twice, maybe */
	size_t count;
	uint32_t ttl; /* seconds, the longest of them: who asked may use an address as long as that */
	/*
	 * A service record names a host (TargetName) that the answer's chain does not have: whoever
	 * follows it asks for another name.
	 */
	bool elsewhere;
};

/*
 * Addresses (A, AAAA, hints of SVCB and HTTPS) of the question's name and the names that CNAMEs
 * lead to from it. The whole message must be well formed: ERR_MALFORMED, ERR_TRUNCATED,
 * ERR_TRAILING; ERR_LIMIT for more than the limits above.
 */
enum err dns_addresses_decode(const uint8_t *data, size_t size,
							  struct dns_addresses *out_addresses);
