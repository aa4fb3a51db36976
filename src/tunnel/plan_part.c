#include "tunnel/plan_part.h"

#include <string.h>

void plan_part_fail(struct uapi_text *text, enum err error) {
	text->error = text->error ? text->error : error;
}

void plan_part_put(plan_part *put, const struct config_tunnel *before,
				   const struct config_peer *known, const struct config_tunnel *tunnel,
				   const struct config_peer *peer, struct uapi_text *text) {
	struct uapi_text old = {0}, new = {0};
	if (!before) {
		put(tunnel, peer, text);
		return;
	}
	put(before, known, &old);
	put(tunnel, peer, &new);
	enum err error = old.error ? old.error : new.error;
	if (error)
		plan_part_fail(text, error);
	else if (new.size > 0 && (old.size != new.size || memcmp(old.data, new.data, old.size) != 0))
		uapi_put_lines(text, slice_of(new.data, new.size));
	uapi_text_done(&old);
	uapi_text_done(&new);
}
