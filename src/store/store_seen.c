#include "store/store_seen.h"

#include <sqlite3.h>
#include <string.h>

#include "store/statement.h"
#include "store/store.h"
#include "store/store_core.h"

enum err store_seen_add(struct store *store, const char *tunnel, const struct store_seen *seen) {
	if (seen->timestamp > INT64_MAX || strlen(tunnel) > STORE_TEXT_MAX)
		return ERR_LIMIT;
	sqlite3_stmt *statement;
	enum err error =
		statement_ready(store->database,
						"INSERT OR IGNORE INTO seen (tunnel, client, random, timestamp)"
						" VALUES (?1, ?2, ?3, ?4)",
						&store->add_seen, &statement);
	if (error)
		return error;
	int code = statement_bind_text(statement, 1, tunnel);
	code |= statement_bind_key(statement, 2, seen->client);
	code |= sqlite3_bind_blob(statement, 3, seen->random, sizeof seen->random, SQLITE_STATIC);
	code |= sqlite3_bind_int64(statement, 4, (sqlite3_int64)seen->timestamp);
	return statement_finish(statement, code);
}

struct taking {
	enum err (*take)(void *context, const struct store_seen *seen);
	void *context;
};

static enum err take_each(void *context, sqlite3_stmt *row) {
	const struct taking *taking = context;
	const void *random = sqlite3_column_blob(row, 1);
	sqlite3_int64 timestamp = sqlite3_column_int64(row, 2);
	if (!random || sqlite3_column_bytes(row, 1) != STORE_SEEN_RANDOM_SIZE || timestamp < 0)
		return ERR_MALFORMED;
	struct store_seen seen = {.timestamp = (uint64_t)timestamp};
	memcpy(seen.random, random, sizeof seen.random);
	enum err error = statement_read_key(row, 0, seen.client);
	return error ? error : taking->take(taking->context, &seen);
}

enum err store_seen_each(struct store *store, const char *tunnel,
						 enum err (*take)(void *context, const struct store_seen *seen),
						 void *context) {
	struct taking taking = {.take = take, .context = context};
	sqlite3_stmt *statement;
	enum err error = statement_ready(store->database,
									 "SELECT client, random, timestamp FROM seen WHERE tunnel = ?1",
									 &store->each_seen, &statement);
	return error ? error
				 : statement_each(statement, statement_bind_text(statement, 1, tunnel), take_each,
								  &taking);
}

enum err store_seen_trim(struct store *store, uint64_t before) {
	sqlite3_stmt *statement;
	enum err error = statement_ready(store->database, "DELETE FROM seen WHERE timestamp < ?1",
									 &store->trim_seen, &statement);
	if (error)
		return error;
	before = before < INT64_MAX ? before : INT64_MAX;
	return statement_finish(statement, sqlite3_bind_int64(statement, 1, (sqlite3_int64)before));
}
