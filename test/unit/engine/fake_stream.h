#pragma once

/* A connection in memory: hands out bytes that a test puts, and keeps those that are written. */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "transport/stream_transport.h"

struct fake_stream {
	uint8_t *input;
	size_t input_size, input_at;
	size_t read_max; /* bytes of one read, 0: as many as are wanted */
	enum err end;    /* of the input; ERR_OK: more may come */
	uint8_t *output;
	size_t output_size;
	size_t room;          /* bytes that may be written yet */
	enum err write_error; /* ERR_OK: none */
	unsigned writes;      /* tried */
	bool freed;
};

static inline enum err fake_stream_read(void *context, uint8_t *data, size_t size,
										size_t *out_size) {
	struct fake_stream *fake = context;
	size_t left = fake->input_size - fake->input_at;
	if (left == 0)
		return fake->end == ERR_OK ? ERR_AGAIN : fake->end;
	if (fake->read_max > 0 && size > fake->read_max)
		size = fake->read_max;
	*out_size = left < size ? left : size;
	memcpy(data, fake->input + fake->input_at, *out_size);
	fake->input_at += *out_size;
	return ERR_OK;
}

static inline enum err fake_stream_write(void *context, const struct iovec *pieces, int count,
										 size_t *out_size) {
	struct fake_stream *fake = context;
	size_t done = 0;
	fake->writes++;
	if (fake->write_error != ERR_OK)
		return fake->write_error;
	for (int i = 0; i < count && fake->room > 0; i++) {
		size_t size = pieces[i].iov_len < fake->room ? pieces[i].iov_len : fake->room;
		fake->output = realloc(fake->output, fake->output_size + size + 1);
		memcpy(fake->output + fake->output_size, pieces[i].iov_base, size);
		fake->output_size += size;
		fake->room -= size;
		done += size;
	}
	if (done == 0)
		return ERR_AGAIN;
	*out_size = done;
	return ERR_OK;
}

static inline int fake_stream_descriptor(const void *context) {
	(void)context;
	return -1;
}

/* The context is the test's. */
static inline void fake_stream_free(void *context) {
	((struct fake_stream *)context)->freed = true;
}

static const struct stream_transport_ops fake_stream_ops = {
	.read = fake_stream_read,
	.write = fake_stream_write,
	.descriptor = fake_stream_descriptor,
	.free = fake_stream_free,
};

static inline struct fake_stream *fake_stream_new(void) {
	struct fake_stream *fake = calloc(1, sizeof *fake);
	fake->room = SIZE_MAX;
	return fake;
}

static inline void fake_stream_delete(struct fake_stream *fake) {
	if (!fake->freed)
		abort();
	free(fake->input);
	free(fake->output);
	free(fake);
}

static inline void fake_stream_put(struct fake_stream *fake, const void *data, size_t size) {
	fake->input = realloc(fake->input, fake->input_size + size + 1);
	memcpy(fake->input + fake->input_size, data, size);
	fake->input_size += size;
}

static inline struct stream_transport fake_stream_of(struct fake_stream *fake) {
	return (struct stream_transport){.ops = &fake_stream_ops, .context = fake};
}
