#include "store/store_seen.h"

#include <sqlite3.h>
#include <string.h>

#include "store/statement.h"
#include "store/store.h"
#include "store/store_core.h"

static int bind_tunnel(sqlite3_stmt *statement, const char *tunnel) {
	return sqlite3_bind_text(statement, 1, tunnel, -1, SQLITE_STATIC);
}

enum err store_seen_add(struct store *store, const char *tunnel, const struct store_seen *seen) {
	if (seen->timestamp > INT64_MAX || strlen(tunnel) > STORE_TEXT_MAX)
		return ERR_LIMIT;
	enum err error =
		statement_ready(store->database,
						"INSERT OR IGNORE INTO seen (tunnel, client, random, timestamp)"
						" VALUES (?1, ?2, ?3, ?4)",
						&store->add_seen);
	if (error)
		return error;
	int code = bind_tunnel(store->add_seen, tunnel);
	code |= sqlite3_bind_blob(store->add_seen, 2, seen->client, sizeof seen->client, SQLITE_STATIC);
	code |= sqlite3_bind_blob(store->add_seen, 3, seen->random, sizeof seen->random, SQLITE_STATIC);
	code |= sqlite3_bind_int64(store->add_seen, 4, (sqlite3_int64)seen->timestamp);
	return code ? statement_end(store->add_seen, SQLITE_NOMEM) : statement_finish(store->add_seen);
}

static enum err read_seen(sqlite3_stmt *row, struct store_seen *out_seen) {
	const void *client = sqlite3_column_blob(row, 0), *random = sqlite3_column_blob(row, 1);
	sqlite3_int64 timestamp = sqlite3_column_int64(row, 2);
	if (!client || !random || sqlite3_column_bytes(row, 0) != TEXT_KEY_SIZE ||
		sqlite3_column_bytes(row, 1) != STORE_SEEN_RANDOM_SIZE || timestamp < 0)
		return ERR_MALFORMED;
	memcpy(out_seen->client, client, sizeof out_seen->client);
	memcpy(out_seen->random, random, sizeof out_seen->random);
	out_seen->timestamp = (uint64_t)timestamp;
	return ERR_OK;
}

enum err store_seen_each(struct store *store, const char *tunnel,
						 enum err (*take)(void *context, const struct store_seen *seen),
						 void *context) {
	enum err error = statement_ready(store->database,
									 "SELECT client, random, timestamp FROM seen WHERE tunnel = ?1",
									 &store->each_seen);
	if (error)
		return error;
	int code = SQLITE_DONE;
	if (bind_tunnel(store->each_seen, tunnel))
		return statement_end(store->each_seen, SQLITE_NOMEM);
	while (!error && (code = sqlite3_step(store->each_seen)) == SQLITE_ROW) {
		struct store_seen seen;
		error = read_seen(store->each_seen, &seen);
		if (!error)
			error = take(context, &seen);
	}
	enum err ended = statement_end(store->each_seen, error ? SQLITE_DONE : code);
	return error ? error : ended;
}

enum err store_seen_trim(struct store *store, uint64_t before) {
	enum err error = statement_ready(store->database, "DELETE FROM seen WHERE timestamp < ?1",
									 &store->trim_seen);
	if (error)
		return error;
	before = before < INT64_MAX ? before : INT64_MAX;
	int code = sqlite3_bind_int64(store->trim_seen, 1, (sqlite3_int64)before);
	return code ? statement_end(store->trim_seen, SQLITE_NOMEM)
				: statement_finish(store->trim_seen);
}
