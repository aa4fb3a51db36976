#include "handshake/phaze_assembly.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

void phaze_assembly_done(struct phaze_assembly *assembly) {
	if (assembly->body)
		wipe(assembly->body, assembly->length);
	free(assembly->body);
	*assembly = (struct phaze_assembly){0};
}

static enum err begin(struct phaze_assembly *assembly, const struct phaze_piece *piece) {
	uint8_t *body = malloc(piece->length > 0 ? piece->length : 1);
	if (!body)
		return ERR_NO_MEMORY;
	*assembly = (struct phaze_assembly){.type = piece->type, .length = piece->length, .body = body};
	return ERR_OK;
}

enum err phaze_assembly_take(struct phaze_assembly *assembly, const struct phaze_piece *piece) {
	const uint32_t bit = UINT32_C(1) << piece->offset / PHAZE_PIECE_SIZE;
	if (assembly->type == 0) {
		enum err error = begin(assembly, piece);
		if (error)
			return error;
	}
	if (piece->type != assembly->type || piece->length != assembly->length)
		return ERR_MALFORMED;
	uint8_t *place = assembly->body + piece->offset;
	if (assembly->present & bit) {
		if (!wipe_equal(place, piece->bytes.data, piece->bytes.size))
			return ERR_MALFORMED;
	} else if (piece->bytes.size > 0) {
		memcpy(place, piece->bytes.data, piece->bytes.size);
	}
	assembly->present |= bit;
	const uint32_t all = (UINT32_C(1) << phaze_piece_count(assembly->length)) - 1;
	return assembly->present == all ? ERR_OK : ERR_AGAIN;
}

struct slice phaze_assembly_body(const struct phaze_assembly *assembly) {
	return slice_of(assembly->body, assembly->length);
}
