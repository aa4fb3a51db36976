/* A journal's file with any content. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/journal.h"
#include "expect.h"

/*
 * Input: a byte that says how, then the file. With FILL_HEADER the file is what stands behind a
 * right header that commits all of it. Properties: reading ends, every record lies inside the file
 * and behind the one before; a record that is appended to a sound journal comes last.
 */
enum { FILL_HEADER = 1 };
enum { HEADER = 16, SIZE_MAX_TRIED = 4096 };

/* Counts the records; false when the journal is damaged. */
static bool read_all(const struct journal *journal, size_t *out_count, struct slice *out_last) {
	size_t position = 0, count = 0;
	enum err error;
	struct slice record;
	while (true) {
		size_t before = position;
		error = journal_next(journal, &position, &record);
		if (error != ERR_OK)
			break;
		expect(position > before && position <= journal_size(journal));
		expect(record.size < position - before);
		uint8_t sum = 0;
		for (size_t i = 0; i < record.size; i++)
			sum ^= record.data[i];
		(void)*(volatile uint8_t *)&sum;
		*out_last = record;
		count++;
	}
	expect(error == ERR_NOT_FOUND || error == ERR_MALFORMED);
	*out_count = count;
	return error == ERR_NOT_FOUND;
}

static uint64_t magic(void) {
	struct journal *journal;
	uint64_t value = 0;
	expect(journal_new(&journal) == ERR_OK);
	expect(pread(journal_descriptor(journal), &value, sizeof value, 0) == sizeof value);
	journal_free(journal);
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0 || size > SIZE_MAX_TRIED)
		return 0;
	int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
	expect(descriptor >= 0);
	if (data[0] & FILL_HEADER) {
		const uint64_t header[2] = {magic(), size - 1};
		expect(write(descriptor, header, sizeof header) == sizeof header);
	}
	expect(write(descriptor, data + 1, size - 1) == (ssize_t)(size - 1));
	struct journal *journal = NULL;
	enum err error = journal_open(descriptor, &journal);
	if (error != ERR_OK) {
		expect(error == ERR_MALFORMED && !journal && close(descriptor) == 0);
		return 0;
	}
	size_t count, after;
	struct slice last;
	bool sound = read_all(journal, &count, &last);
	expect(journal_append(journal, slice_of(data, size)) == ERR_OK);
	bool still = read_all(journal, &after, &last);
	if (sound)
		expect(still && after == count + 1 && last.size == size &&
			   memcmp(last.data, data, size) == 0);
	journal_free(journal);
	return 0;
}
