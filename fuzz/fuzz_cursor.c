/*
 * A program of steps, walked over a message: the first byte is the program's size, then come the
 * program and the message. Every value that is read is written again, so that what was written must
 * be the bytes that were walked over; a step that failed must change nothing for good.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/cursor.h"

/* The low three bits name the step, the others its size where it has one. Returns the size. */
static size_t copy_step(uint8_t step, struct reader *reader, struct writer *writer) {
	uint8_t bytes[32];
	size_t size = step >> 3;
	switch (step & 7) {
	case 0:
		writer_u8(writer, reader_u8(reader));
		return 1;
	case 1:
		if (size & 1)
			writer_u16_be(writer, reader_u16_be(reader));
		else
			writer_u16_le(writer, reader_u16_le(reader));
		return 2;
	case 2:
		if (size & 1)
			writer_u32_be(writer, reader_u32_be(reader));
		else
			writer_u32_le(writer, reader_u32_le(reader));
		return 4;
	case 3:
		if (size & 1)
			writer_u64_be(writer, reader_u64_be(reader));
		else
			writer_u64_le(writer, reader_u64_le(reader));
		return 8;
	case 4:
		reader_bytes(reader, bytes, size);
		writer_bytes(writer, bytes, size);
		return size;
	case 5: {
		struct slice slice = reader_slice(reader, size);
		expect(slice.size == (reader->error ? 0 : size));
		writer_bytes(writer, slice.data, slice.size);
		return size;
	}
	case 6:
		for (const uint8_t *at = reader->at; !reader->error && at < reader->end && size > 0;) {
			writer_u8(writer, *at++);
			size--;
		}
		reader_skip(reader, step >> 3);
		return step >> 3;
	default:
		reader_skip(reader, SIZE_MAX - size);
		return SIZE_MAX - size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct reader input = reader_of(data, size);
	struct slice program = reader_slice(&input, reader_u8(&input));
	struct slice message = reader_slice(&input, reader_left(&input));
	if (input.error)
		return 0;

	uint8_t copy[32 * 256];
	struct reader reader = reader_of(message.data, message.size);
	struct writer writer = writer_of(copy, sizeof copy);
	size_t walked = 0;
	for (size_t i = 0; i < program.size; i++) {
		size_t step = copy_step(program.data[i], &reader, &writer);
		if (step > message.size - walked) {
			expect(reader.error == ERR_TRUNCATED);
			break;
		}
		walked += step;
		expect(!reader.error && reader_left(&reader) == message.size - walked);
	}

	size_t written = 0;
	expect(!writer_finish(&writer, &written) && written >= walked);
	expect(walked == 0 || memcmp(copy, message.data, walked) == 0);
	/* A failed read gives zeros. */
	if (reader.error == ERR_TRUNCATED) {
		expect(reader_finish(&reader) == ERR_TRUNCATED);
		expect(reader_u64_be(&reader) == 0 && reader_slice(&reader, 0).size == 0);
	} else {
		expect(reader_finish(&reader) == (walked < message.size ? ERR_TRAILING : ERR_OK));
	}
	return 0;
}
