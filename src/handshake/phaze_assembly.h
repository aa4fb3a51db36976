#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "wire/phaze_piece.h"

/*
 * Puts together one sealed message of Phaze's handshake, whose pieces may come in any order and
 * more than once. Its memory is the message's length, PHAZE_BODY_SIZE_MAX at most. Zeroed is empty.
 */

struct phaze_assembly {
	enum phaze_message type; /* 0: nothing has come */
	uint16_t length;
	uint32_t present; /* bit i: piece i */
	uint8_t *body;
};

/* Wipes and frees what came; it is empty then, and can be used on. */
void phaze_assembly_done(struct phaze_assembly *assembly);

/*
 * Takes a piece of an authentic packet. ERR_OK: the message is whole. ERR_AGAIN: more is missing.
 * ERR_MALFORMED, with nothing changed: it contradicts what came before. ERR_NO_MEMORY.
 */
enum err phaze_assembly_take(struct phaze_assembly *assembly, const struct phaze_piece *piece);

/* The body of a message that is whole. */
struct slice phaze_assembly_body(const struct phaze_assembly *assembly);
