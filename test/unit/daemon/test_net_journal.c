#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/net_journal.h"

enum { LARGE = 1 << 20 };

struct fixture {
	struct net_start start;
	struct net_journal journal;
	int kept;   /* what the privileged process has; -1: nothing was handed over */
	int answer; /* of who is handed one; errno */
	/* What is saved, and how often; what was replayed. */
	const char *state;
	bool fails;
	unsigned saves;
	char replayed[64];
};

static int keep(void *context, int descriptor) {
	struct fixture *fixture = context;
	if (fixture->answer)
		return fixture->answer;
	if (fixture->kept >= 0)
		(void)close(fixture->kept);
	fixture->kept = dup(descriptor);
	return 0;
}

static void begin(struct fixture *fixture, int journal) {
	fixture->start =
		(struct net_start){.journal = journal, .callbacks = {.context = fixture, .journal = keep}};
}

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	assert_non_null(fixture);
	log_set_level(LOG_SILENT);
	fixture->kept = -1;
	begin(fixture, memfd_create("journal", MFD_CLOEXEC));
	assert_int_equal(net_journal_open(&fixture->journal, &fixture->start), ERR_OK);
	*state = fixture;
	return 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	net_journal_done(&fixture->journal);
	net_journal_done(&fixture->journal);
	(void)close(fixture->start.journal);
	if (fixture->kept >= 0)
		(void)close(fixture->kept);
	free(fixture);
	return 0;
}

static void append(struct fixture *fixture, const char *text) {
	assert_int_equal(net_journal_append(&fixture->journal, slice_of_text(text)), ERR_OK);
}

static const char *take(void *context, struct slice record) {
	struct fixture *fixture = context;
	size_t used = strlen(fixture->replayed);
	assert_true(used + record.size + 2 <= sizeof fixture->replayed);
	memcpy(fixture->replayed + used, record.data, record.size);
	memcpy(fixture->replayed + used + record.size, ";", 2);
	return record.size == 3 ? "three bytes" : NULL;
}

/* What the next process finds in the descriptor. */
static void next_run(struct fixture *fixture, int descriptor) {
	net_journal_done(&fixture->journal);
	begin(fixture, descriptor);
	fixture->replayed[0] = '\0';
	assert_int_equal(net_journal_open(&fixture->journal, &fixture->start), ERR_OK);
	net_journal_replay(&fixture->journal, take, fixture);
}

static bool save(void *context) {
	struct fixture *fixture = context;
	fixture->saves++;
	if (fixture->state)
		append(fixture, fixture->state);
	return !fixture->fails;
}

static void compact(struct fixture *fixture) {
	net_journal_compact(&fixture->journal, save, fixture);
}

static void append_large(struct fixture *fixture) {
	static uint8_t large[LARGE];
	assert_int_equal(net_journal_append(&fixture->journal, slice_of(large, sizeof large)), ERR_OK);
}

static void test_replays(void **state) {
	struct fixture *fixture = *state;
	append(fixture, "first");
	append(fixture, "bad"); /* is told, and those behind it come all the same */
	append(fixture, "last");
	next_run(fixture, fixture->start.journal);
	assert_string_equal(fixture->replayed, "first;bad;last;");
	assert_int_equal(fixture->kept, -1);
}

static void test_begins_anew_where_it_is_damaged(void **state) {
	struct fixture *fixture = *state;
	int damaged = memfd_create("damaged", MFD_CLOEXEC);
	static const char nonsense[70000] = "no journal";
	assert_int_equal(write(damaged, nonsense, sizeof nonsense), sizeof nonsense);
	(void)close(fixture->start.journal);
	next_run(fixture, damaged);
	assert_string_equal(fixture->replayed, "");
	assert_true(fixture->kept >= 0);
	append(fixture, "first");
	(void)close(damaged);
	int kept = fixture->kept;
	fixture->kept = -1;
	next_run(fixture, kept);
	assert_string_equal(fixture->replayed, "first;");
}

static void test_is_written_anew(void **state) {
	struct fixture *fixture = *state;
	append(fixture, "before");
	compact(fixture);
	assert_int_equal(fixture->saves, 0);
	append_large(fixture);
	fixture->state = "all";
	compact(fixture);
	compact(fixture);
	assert_int_equal(fixture->saves, 1);
	append(fixture, "more");
	(void)close(fixture->start.journal);
	int kept = fixture->kept;
	fixture->kept = -1;
	next_run(fixture, kept);
	assert_string_equal(fixture->replayed, "all;more;");
}

/* Something is missing, or nobody takes it: the one of before is gone on with. */
static void test_stays_where_that_fails(void **state) {
	struct fixture *fixture = *state;
	append_large(fixture);
	fixture->fails = true;
	compact(fixture);
	assert_int_equal(fixture->saves, 1);
	compact(fixture); /* not at once again */
	assert_int_equal(fixture->saves, 1);
	for (unsigned i = 0; i < 5; i++)
		append_large(fixture);
	fixture->fails = false;
	fixture->answer = EIO;
	compact(fixture);
	assert_int_equal(fixture->saves, 2);
	assert_int_equal(fixture->kept, -1);
	assert_true(lseek(fixture->start.journal, 0, SEEK_END) > 6 * LARGE);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_replays),
		row(test_begins_anew_where_it_is_damaged),
		row(test_is_written_anew),
		row(test_stays_where_that_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
