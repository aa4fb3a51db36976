#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/list.h"

/* Bytes that wait to be sent on a non-blocking socket, in pieces that are not copied again. */

struct output {
	struct list pieces;
	size_t waiting; /* bytes */
};

void output_init(struct output *output);
/* Throws away what waits; it may be used on. */
void output_done(struct output *output);

/* Copies. ERR_NO_MEMORY */
enum err output_add(struct output *output, const char *data, size_t size);
/* Takes heap memory over, also on failure. */
enum err output_give(struct output *output, char *data, size_t size);

/* Sends what the socket takes now: ERR_AGAIN when it takes nothing, ERR_OK also when bytes wait on.
 */
enum err output_send(struct output *output, int descriptor);
