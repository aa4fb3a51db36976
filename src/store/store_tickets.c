#include "store/store_tickets.h"

#include <sqlite3.h>
#include <string.h>

#include "store/statement.h"
#include "store/store.h"
#include "store/store_core.h"

enum statement { PUT_MEMBER, PUT_SERVER, REMOVE, REMOVE_USER, TRIM, FIND, EACH };

#define COLUMNS "SELECT member, hash, sealed, until FROM ticket "

enum column { MEMBER, HASH, SEALED, UNTIL };

static const char *const texts[STORE_TICKETS_STATEMENTS] = {
	[PUT_MEMBER] = "INSERT OR REPLACE INTO ticket (tunnel, member, hash, sealed, until, lease)"
				   " SELECT ?1, ?2, ?3, ?4, ?5, id FROM lease WHERE tunnel = ?1 AND member = ?2",
	[PUT_SERVER] = "INSERT OR REPLACE INTO ticket (tunnel, member, hash, sealed, until)"
				   " VALUES (?1, ?2, ?3, ?4, ?5)",
	[REMOVE] = "DELETE FROM ticket WHERE tunnel = ?1 AND member = ?2",
	[REMOVE_USER] = "DELETE FROM ticket WHERE lease IN (SELECT id FROM lease WHERE user = ?1)",
	[TRIM] = "DELETE FROM ticket WHERE until <= ?1",
	[FIND] = COLUMNS "WHERE tunnel = ?1 AND member = ?2",
	[EACH] = COLUMNS "WHERE tunnel = ?1",
};

static enum err ready(struct store *store, enum statement which, sqlite3_stmt **out_statement) {
	enum err error = statement_ready(store->database, texts[which], &store->tickets[which]);
	if (!error)
		*out_statement = store->tickets[which];
	return error;
}

static int bind_key(sqlite3_stmt *statement, const char *tunnel,
					const uint8_t member[static TEXT_KEY_SIZE]) {
	return sqlite3_bind_text(statement, 1, tunnel, -1, SQLITE_STATIC) |
		   sqlite3_bind_blob(statement, 2, member, TEXT_KEY_SIZE, SQLITE_STATIC);
}

/* Ends a statement whose values are bound, or could not be. */
static enum err finish(sqlite3_stmt *statement, int code) {
	return code ? statement_end(statement, SQLITE_NOMEM) : statement_finish(statement);
}

static enum err put(struct store *store, enum statement which, const char *tunnel,
					const struct store_ticket *ticket) {
	if (ticket->size == 0)
		return ERR_INVALID;
	if (ticket->size > STORE_TICKET_MAX || ticket->until > INT64_MAX ||
		strlen(tunnel) > STORE_TEXT_MAX)
		return ERR_LIMIT;
	sqlite3_stmt *statement;
	enum err error = ready(store, which, &statement);
	if (error)
		return error;
	int code = bind_key(statement, tunnel, ticket->member);
	code |= sqlite3_bind_blob(statement, 3, ticket->hash, sizeof ticket->hash, SQLITE_STATIC);
	code |= sqlite3_bind_blob(statement, 4, ticket->sealed, (int)ticket->size, SQLITE_STATIC);
	code |= sqlite3_bind_int64(statement, 5, (sqlite3_int64)ticket->until);
	error = finish(statement, code);
	return !error && sqlite3_changes(store->database) == 0 ? ERR_NOT_FOUND : error;
}

enum err store_tickets_put_member(struct store *store, const char *tunnel,
								  const struct store_ticket *ticket) {
	return put(store, PUT_MEMBER, tunnel, ticket);
}

enum err store_tickets_put_server(struct store *store, const char *tunnel,
								  const struct store_ticket *ticket) {
	return put(store, PUT_SERVER, tunnel, ticket);
}

enum err store_tickets_remove(struct store *store, const char *tunnel,
							  const uint8_t member[static TEXT_KEY_SIZE]) {
	sqlite3_stmt *statement;
	enum err error = ready(store, REMOVE, &statement);
	return error ? error : finish(statement, bind_key(statement, tunnel, member));
}

enum err store_tickets_remove_user(struct store *store, int64_t user) {
	sqlite3_stmt *statement;
	enum err error = ready(store, REMOVE_USER, &statement);
	return error ? error : finish(statement, sqlite3_bind_int64(statement, 1, user));
}

enum err store_tickets_trim(struct store *store, uint64_t now) {
	sqlite3_stmt *statement;
	enum err error = ready(store, TRIM, &statement);
	if (error)
		return error;
	now = now < INT64_MAX ? now : INT64_MAX;
	return finish(statement, sqlite3_bind_int64(statement, 1, (sqlite3_int64)now));
}

static enum err read_ticket(sqlite3_stmt *row, struct store_ticket *out_ticket) {
	const void *member = sqlite3_column_blob(row, MEMBER), *hash = sqlite3_column_blob(row, HASH),
			   *sealed = sqlite3_column_blob(row, SEALED);
	int size = sqlite3_column_bytes(row, SEALED);
	if (!member || !hash || !sealed || sqlite3_column_bytes(row, MEMBER) != TEXT_KEY_SIZE ||
		sqlite3_column_bytes(row, HASH) != TEXT_KEY_SIZE || size > STORE_TICKET_MAX)
		return ERR_MALFORMED;
	struct store_ticket ticket = {.size = (size_t)size,
								  .until = (uint64_t)sqlite3_column_int64(row, UNTIL)};
	memcpy(ticket.member, member, sizeof ticket.member);
	memcpy(ticket.hash, hash, sizeof ticket.hash);
	memcpy(ticket.sealed, sealed, ticket.size);
	*out_ticket = ticket;
	return ERR_OK;
}

enum err store_tickets_find(struct store *store, const char *tunnel,
							const uint8_t member[static TEXT_KEY_SIZE],
							struct store_ticket *out_ticket) {
	sqlite3_stmt *statement;
	enum err error = ready(store, FIND, &statement);
	if (error)
		return error;
	if (bind_key(statement, tunnel, member))
		return statement_end(statement, SQLITE_NOMEM);
	struct store_ticket ticket;
	int code = sqlite3_step(statement);
	error = code == SQLITE_ROW    ? read_ticket(statement, &ticket)
			: code == SQLITE_DONE ? ERR_NOT_FOUND
								  : ERR_OK;
	enum err ended = statement_end(statement, code == SQLITE_ROW ? SQLITE_DONE : code);
	error = error ? error : ended;
	if (!error)
		*out_ticket = ticket;
	return error;
}

enum err store_tickets_each(struct store *store, const char *tunnel,
							enum err (*take)(void *context, const struct store_ticket *ticket),
							void *context) {
	sqlite3_stmt *statement;
	enum err error = ready(store, EACH, &statement);
	if (error)
		return error;
	if (sqlite3_bind_text(statement, 1, tunnel, -1, SQLITE_STATIC))
		return statement_end(statement, SQLITE_NOMEM);
	int code = SQLITE_DONE;
	while (!error && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_ticket ticket;
		error = read_ticket(statement, &ticket);
		if (!error)
			error = take(context, &ticket);
	}
	enum err ended = statement_end(statement, error ? SQLITE_DONE : code);
	return error ? error : ended;
}
