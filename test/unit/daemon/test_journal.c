#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal.h"

enum { HEADER = 16, PREFIX = 4 };

static int new_file(const void *data, size_t size) {
	int descriptor = memfd_create("test", MFD_CLOEXEC);
	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, data, size), size);
	return descriptor;
}

static struct journal *open_again(const struct journal *journal) {
	struct journal *again;
	int copy = fcntl(journal_descriptor(journal), F_DUPFD_CLOEXEC, 0);
	assert_true(copy >= 0);
	assert_int_equal(journal_open(copy, &again), ERR_OK);
	return again;
}

static uint8_t record_byte(size_t record, size_t at) {
	return (uint8_t)(record * 7 + at);
}

static size_t record_size(size_t record) {
	return record % 5 == 4 ? record * 40 : record % 23;
}

static void append_many(struct journal *journal, size_t from, size_t to) {
	for (size_t i = from; i < to; i++) {
		size_t size = record_size(i);
		uint8_t *data = malloc(size + 1);
		for (size_t at = 0; at < size; at++)
			data[at] = record_byte(i, at);
		assert_int_equal(journal_append(journal, slice_of(data, size)), ERR_OK);
		free(data);
	}
}

static void assert_records(const struct journal *journal, size_t count) {
	size_t position = 0;
	struct slice record;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(journal_next(journal, &position, &record), ERR_OK);
		assert_int_equal(record.size, record_size(i));
		for (size_t at = 0; at < record.size; at++)
			assert_int_equal(record.data[at], record_byte(i, at));
	}
	assert_int_equal(journal_next(journal, &position, &record), ERR_NOT_FOUND);
	assert_int_equal(position, journal_size(journal));
}

static void test_append_and_read(void **state) {
	enum { COUNT = 300 }; /* beyond the first size of the file */
	struct journal *journal, *other;
	assert_int_equal(journal_new(&journal), ERR_OK);
	assert_int_equal(journal_size(journal), 0);
	assert_records(journal, 0);
	append_many(journal, 0, 10);
	assert_records(journal, 10);
	/* Another mapping of the same file, as the next process has it. */
	other = open_again(journal);
	assert_records(other, 10);
	journal_free(other);
	append_many(journal, 10, COUNT);
	assert_records(journal, COUNT);
	struct stat status;
	assert_int_equal(fstat(journal_descriptor(journal), &status), 0);
	assert_true(status.st_size >= (off_t)(HEADER + journal_size(journal)));
	/* The next one goes on where this one ended. */
	other = open_again(journal);
	journal_free(journal);
	assert_records(other, COUNT);
	append_many(other, COUNT, COUNT + 5);
	assert_records(other, COUNT + 5);
	journal_free(other);
	journal_free(NULL);
}

static void test_large_record(void **state) {
	enum { SIZE = 3 << 20 };
	struct journal *journal;
	assert_int_equal(journal_new(&journal), ERR_OK);
	uint8_t *data = malloc(SIZE);
	memset(data, 0x5a, SIZE);
	assert_int_equal(journal_append(journal, slice_of(data, SIZE)), ERR_OK);
	size_t before = journal_size(journal);
	/* What would not fit changes nothing; its bytes are never looked at. */
	assert_int_equal(journal_append(journal, slice_of(data, (size_t)JOURNAL_SIZE_MAX + 1)),
					 ERR_LIMIT);
	assert_int_equal(journal_append(journal, slice_of(data, JOURNAL_SIZE_MAX)), ERR_LIMIT);
	assert_int_equal(journal_size(journal), before);
	size_t position = 0;
	struct slice record;
	assert_int_equal(journal_next(journal, &position, &record), ERR_OK);
	assert_int_equal(record.size, SIZE);
	assert_memory_equal(record.data, data, SIZE);
	free(data);
	journal_free(journal);
}

/* The bytes of a journal with three records of 1, 8 and 20 bytes. */
static size_t sample(uint8_t *out, size_t room) {
	static const size_t sizes[] = {1, 8, 20};
	static const uint8_t data[20] = "0123456789abcdefghi";
	struct journal *journal;
	assert_int_equal(journal_new(&journal), ERR_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(journal_append(journal, slice_of(data, sizes[i])), ERR_OK);
	size_t size = HEADER + journal_size(journal);
	assert_int_equal(journal_size(journal), 8 + 16 + 24);
	assert_true(size <= room);
	assert_int_equal(pread(journal_descriptor(journal), out, size, 0), size);
	journal_free(journal);
	return size;
}

/* Opens a file of these bytes; reads it whole when that works. Returns the last error. */
static enum err try_bytes(const uint8_t *data, size_t size, size_t *out_records) {
	int descriptor = new_file(data, size);
	struct journal *journal;
	*out_records = 0;
	enum err error = journal_open(descriptor, &journal);
	if (error != ERR_OK) {
		(void)close(descriptor); /* still ours */
		return error;
	}
	assert_int_equal(journal_descriptor(journal), descriptor);
	size_t position = 0;
	struct slice record;
	while ((error = journal_next(journal, &position, &record)) == ERR_OK) {
		for (size_t i = 0; i < record.size; i++)
			(void)*(const volatile uint8_t *)&record.data[i];
		++*out_records;
	}
	journal_free(journal);
	return error;
}

static void put_u64(uint8_t *at, uint64_t value) {
	memcpy(at, &value, sizeof value);
}

static void put_u32(uint8_t *at, uint32_t value) {
	memcpy(at, &value, sizeof value);
}

static void test_torn(void **state) {
	uint8_t whole[256], torn[256];
	size_t size = sample(whole, sizeof whole), records;
	assert_int_equal(try_bytes(whole, size, &records), ERR_NOT_FOUND);
	assert_int_equal(records, 3);
	/* Written, but not committed: as if it had not been. */
	memcpy(torn, whole, size);
	put_u64(torn + 8, 8 + 16);
	assert_int_equal(try_bytes(torn, size, &records), ERR_NOT_FOUND);
	assert_int_equal(records, 2);
	/* Made, but without its header yet. */
	memset(torn, 0, sizeof torn);
	assert_int_equal(try_bytes(torn, sizeof torn, &records), ERR_NOT_FOUND);
	assert_int_equal(try_bytes(torn, HEADER, &records), ERR_NOT_FOUND);
	assert_int_equal(try_bytes(torn, 0, &records), ERR_NOT_FOUND);
	/* Cut off anywhere. */
	for (size_t left = 1; left < size; left++)
		assert_int_equal(try_bytes(whole, left, &records), ERR_MALFORMED);
}

static void test_lies(void **state) {
	static const uint64_t committed[] = {1,  3,  4,  7,    9,          23,         25,
										 47, 49, 56, 1000, UINT32_MAX, UINT64_MAX, UINT64_MAX - 15};
	static const uint32_t lengths[] = {
		5, 37, 45, 48, 1000, INT32_MAX, UINT32_MAX - 3, UINT32_MAX - 4, UINT32_MAX};
	uint8_t whole[256], lie[256];
	size_t size = sample(whole, sizeof whole), records;
	for (size_t i = 0; i < sizeof committed / sizeof *committed; i++) {
		memcpy(lie, whole, size);
		put_u64(lie + 8, committed[i]);
		assert_int_equal(try_bytes(lie, size, &records), ERR_MALFORMED);
	}
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		memcpy(lie, whole, size);
		put_u32(lie + HEADER, lengths[i]);
		enum err error = try_bytes(lie, size, &records);
		assert_true(error == ERR_MALFORMED || (error == ERR_NOT_FOUND && lengths[i] == 37) ||
					lengths[i] == 5);
	}
	for (size_t at = 0; at < 8; at++) {
		memcpy(lie, whole, size);
		lie[at] ^= 0x20;
		assert_int_equal(try_bytes(lie, size, &records), ERR_MALFORMED);
	}
	memset(lie, 0xff, sizeof lie);
	assert_int_equal(try_bytes(lie, sizeof lie, &records), ERR_MALFORMED);
}

static void test_wrong_descriptors(void **state) {
	struct journal *journal = NULL;
	int ends[2];
	assert_int_not_equal(journal_open(-1, &journal), ERR_OK);
	assert_int_equal(pipe(ends), 0);
	assert_int_not_equal(journal_open(ends[0], &journal), ERR_OK);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(close(ends[1]), 0);
	int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(journal_open(folder, &journal), ERR_OK);
	assert_int_equal(close(folder), 0);
	/* Larger than any journal: nothing of it is mapped. */
	int descriptor = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(descriptor, (off_t)JOURNAL_SIZE_MAX + 1), 0);
	assert_int_equal(journal_open(descriptor, &journal), ERR_MALFORMED);
	assert_int_equal(close(descriptor), 0);
	assert_null(journal);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_read),
		cmocka_unit_test(test_large_record),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_wrong_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
