#include "daemon/net_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/journal.h"

/* It is written anew when it has grown so much beyond its last full state. */
enum { GROWTH = 4, SLACK = 1 << 20 };

static enum err hand_over(const struct net_journal *journal) {
	const struct net_callbacks *callbacks = &journal->start->callbacks;
	return callbacks->journal(callbacks->context, journal_descriptor(journal->journal)) ? ERR_IO
																						: ERR_OK;
}

enum err net_journal_open(struct net_journal *journal, const struct net_start *start) {
	*journal = (struct net_journal){.start = start};
	int descriptor = fcntl(start->journal, F_DUPFD_CLOEXEC, 0);
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = journal_open(descriptor, &journal->journal);
	if (!error)
		return ERR_OK;
	(void)close(descriptor);
	if (error != ERR_MALFORMED)
		return error;
	log_error("%sthe records of the last run are damaged: the tunnel must be configured again",
			  start->prefix);
	error = journal_new(&journal->journal);
	return error ? error : hand_over(journal);
}

void net_journal_done(struct net_journal *journal) {
	journal_free(journal->journal);
	journal->journal = NULL;
}

void net_journal_replay(const struct net_journal *journal,
						const char *(*take)(void *context, struct slice record), void *context) {
	const char *prefix = journal->start->prefix;
	size_t position = 0, count = 0;
	struct slice record;
	enum err error;
	while ((error = journal_next(journal->journal, &position, &record)) == ERR_OK) {
		const char *problem = take(context, record);
		count++;
		if (problem)
			log_error("%srecord %zu of the last run: %s", prefix, count, problem);
	}
	if (error != ERR_NOT_FOUND)
		log_error("%srecords of the last run: %s", prefix, err_text(error));
	if (count > 0)
		log_info("%stook up the state of the last run, journal records: %zu", prefix, count);
}

enum err net_journal_append(struct net_journal *journal, struct slice record) {
	enum err error = journal_append(journal->journal, record);
	if (error)
		log_error("%sa change will not survive a restart of the net process: %s",
				  journal->start->prefix, err_text(error));
	return error;
}

/* On failure the one of before is gone on with. */
static enum err replace(struct net_journal *journal, bool (*save)(void *context), void *context) {
	struct journal *before = journal->journal, *fresh;
	enum err error = journal_new(&fresh);
	if (error)
		return error;
	journal->journal = fresh;
	error = save(context) ? hand_over(journal) : ERR_IO;
	if (error)
		journal->journal = before;
	journal_free(error ? fresh : before);
	return error;
}

void net_journal_compact(struct net_journal *journal, bool (*save)(void *context), void *context) {
	if (journal_size(journal->journal) < GROWTH * journal->full_size + SLACK)
		return;
	enum err error = replace(journal, save, context);
	if (error)
		log_warning("%sthe records for a restart of the net process grow: %s",
					journal->start->prefix, err_text(error));
	journal->full_size = journal_size(journal->journal);
}
