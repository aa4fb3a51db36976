#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/interface_settings.h"

/*
 * What a server tells a client at the end of a handshake: Phaze's ServerAccept, and what is sealed
 * in Mighty's ServerHello. Items of type (1), length (2) and value.
 */

enum parameter {
	/* 1 to 5 are those of enum interface_setting. */
	PARAMETER_KEEPALIVE = 6,
	PARAMETER_REKEY_SECONDS = 7,
	PARAMETER_REKEY_PACKETS = 8,
	PARAMETER_TICKET = 9,
};

enum {
	PARAMETERS_HEAD_SIZE = 3,
	PARAMETERS_TICKET_ID_SIZE = 16,
	/* What an answer of a handshake has room for, of 1200 bytes with all that is around them. */
	PARAMETERS_ANSWER_SIZE_MAX = 1060,
	/* What one has room for that is a message of its own, in pieces. */
	PARAMETERS_ACCEPT_SIZE_MAX = 8192,
	/* Ours: no key may see more than twice as many, which is where it dies. */
	PARAMETERS_REKEY_PACKETS_MAX = 1 << 30,
	PARAMETERS_SIZE_MAX = INTERFACE_SETTINGS_SIZE_MAX(PARAMETERS_HEAD_SIZE) +
						  (PARAMETERS_HEAD_SIZE + 2) + 2 * (PARAMETERS_HEAD_SIZE + 4) +
						  (PARAMETERS_HEAD_SIZE + PARAMETERS_TICKET_ID_SIZE + 4),
};

struct parameters {
	struct interface_settings interface;
	uint16_t keepalive;     /* s; 0, here and below: not said */
	uint32_t rekey_seconds; /* of a key's age */
	uint32_t rekey_packets; /* of either direction */
	bool has_ticket;
	uint8_t ticket_id[PARAMETERS_TICKET_ID_SIZE];
	uint32_t ticket_lifetime; /* s; never 0 with a ticket */
};

/*
 * Takes the whole of data. Items of other types are ignored. ERR_TRUNCATED; ERR_MALFORMED, among
 * others for what may be said once and is twice, and for a 0 where nothing would be said with it;
 * ERR_LIMIT for more of a kind than there is room for.
 */
enum err parameters_decode(const uint8_t *data, size_t size, struct parameters *out_parameters);

/* ERR_INVALID for what the decoder would refuse, ERR_LIMIT where room is too small. */
enum err parameters_encode(const struct parameters *parameters, uint8_t *out_data, size_t room,
						   size_t *out_size);
