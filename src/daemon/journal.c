#include "daemon/journal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"

#define MAGIC UINT64_C(0x756d6272616a6e31) /* "umbrajn1" */

enum { SIZE_MIN = 64 * 1024, ALIGNMENT = 8 };

struct header {
	uint64_t magic;
	_Atomic uint64_t committed; /* bytes behind the header */
};

struct journal {
	int descriptor;
	size_t capacity; /* of the file, header included */
	uint8_t *memory;
};

static struct header *header_of(const struct journal *journal) {
	return (struct header *)(void *)journal->memory;
}

static uint8_t *records_of(const struct journal *journal) {
	return journal->memory + sizeof(struct header);
}

static size_t aligned(size_t size) {
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static enum err map(struct journal *journal) {
	void *memory =
		mmap(NULL, journal->capacity, PROT_READ | PROT_WRITE, MAP_SHARED, journal->descriptor, 0);
	if (memory == MAP_FAILED)
		return err_from_errno(errno);
	journal->memory = memory;
	return ERR_OK;
}

enum err journal_open(int descriptor, struct journal **out_journal) {
	struct stat status;
	if (fstat(descriptor, &status))
		return err_from_errno(errno);
	struct journal *journal = calloc(1, sizeof *journal);
	if (!journal)
		return ERR_NO_MEMORY;
	journal->descriptor = -1; /* the caller's until all is well */
	bool is_new = status.st_size == 0;
	journal->capacity = is_new ? SIZE_MIN : (size_t)status.st_size;
	enum err error = ERR_OK;
	if (is_new && ftruncate(descriptor, SIZE_MIN))
		error = err_from_errno(errno);
	else if (journal->capacity < sizeof(struct header) || journal->capacity > JOURNAL_SIZE_MAX)
		error = ERR_MALFORMED;
	if (error == ERR_OK) {
		journal->descriptor = descriptor;
		error = map(journal);
	}
	/* Zeros are a journal whose maker ended before it wrote the header. */
	is_new =
		is_new || (error == ERR_OK && header_of(journal)->magic == 0 && journal_size(journal) == 0);
	if (error == ERR_OK && is_new)
		header_of(journal)->magic = MAGIC;
	else if (error == ERR_OK && (header_of(journal)->magic != MAGIC ||
								 journal_size(journal) > journal->capacity - sizeof(struct header)))
		error = ERR_MALFORMED;
	if (error != ERR_OK) {
		journal->descriptor = -1;
		journal_free(journal);
		return error;
	}
	*out_journal = journal;
	return ERR_OK;
}

enum err journal_new(struct journal **out_journal) {
	auto_close int descriptor = memfd_create("journal", MFD_CLOEXEC);
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = journal_open(descriptor, out_journal);
	if (error == ERR_OK)
		(void)cleanup_steal_descriptor(&descriptor);
	return error;
}

void journal_free(struct journal *journal) {
	if (!journal)
		return;
	if (journal->memory)
		(void)munmap(journal->memory, journal->capacity);
	if (journal->descriptor >= 0)
		(void)close(journal->descriptor);
	free(journal);
}

int journal_descriptor(const struct journal *journal) {
	return journal->descriptor;
}

size_t journal_size(const struct journal *journal) {
	return atomic_load_explicit(&header_of(journal)->committed, memory_order_acquire);
}

static enum err grow(struct journal *journal, size_t needed) {
	size_t capacity = journal->capacity;
	while (capacity < needed)
		capacity *= 2;
	if (capacity == journal->capacity)
		return ERR_OK;
	if (capacity > JOURNAL_SIZE_MAX)
		return ERR_LIMIT;
	if (ftruncate(journal->descriptor, (off_t)capacity))
		return err_from_errno(errno);
	void *memory = mremap(journal->memory, journal->capacity, capacity, MREMAP_MAYMOVE);
	if (memory == MAP_FAILED)
		return err_from_errno(errno);
	journal->memory = memory;
	journal->capacity = capacity;
	return ERR_OK;
}

enum err journal_append(struct journal *journal, struct slice record) {
	if (record.size > JOURNAL_SIZE_MAX)
		return ERR_LIMIT;
	size_t committed = journal_size(journal);
	size_t size = aligned(sizeof(uint32_t) + record.size);
	enum err error = grow(journal, sizeof(struct header) + committed + size);
	if (error != ERR_OK)
		return error;
	uint8_t *at = records_of(journal) + committed;
	uint32_t length = (uint32_t)record.size;
	memcpy(at, &length, sizeof length);
	if (record.size > 0)
		memcpy(at + sizeof length, record.data, record.size);
	atomic_store_explicit(&header_of(journal)->committed, committed + size, memory_order_release);
	return ERR_OK;
}

enum err journal_next(const struct journal *journal, size_t *position, struct slice *out_record) {
	size_t committed = journal_size(journal);
	if (*position == committed)
		return ERR_NOT_FOUND;
	uint32_t length;
	if (*position > committed || committed - *position < sizeof length)
		return ERR_MALFORMED;
	memcpy(&length, records_of(journal) + *position, sizeof length);
	if (length > JOURNAL_SIZE_MAX || committed - *position < aligned(sizeof length + length))
		return ERR_MALFORMED;
	*out_record = slice_of(records_of(journal) + *position + sizeof length, length);
	*position += aligned(sizeof length + length);
	return ERR_OK;
}
