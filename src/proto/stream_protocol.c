#include "proto/stream_protocol.h"

#include <string.h>

#include "proto/phantom_streams.h"

static const struct stream_protocol *const protocols[] = {
	&phantom_streams,
};

const struct stream_protocol *stream_protocol_find(const char *name) {
	for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
		if (strcmp(protocols[i]->name, name) == 0)
			return protocols[i];
	return NULL;
}
