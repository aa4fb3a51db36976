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
	[PUT_MEMBER] =
		"INSERT OR REPLACE INTO ticket (tunnel, member, hash, sealed, until, lease)"
		" SELECT ?1, ?2, ?3, ?4, ?5, lease.id FROM lease JOIN user ON user.id = lease.user"
		" WHERE tunnel = ?1 AND member = ?2 AND lease.epoch >= user.epoch",
	[PUT_SERVER] = "INSERT OR REPLACE INTO ticket (tunnel, member, hash, sealed, until)"
				   " VALUES (?1, ?2, ?3, ?4, ?5)",
	[REMOVE] = "DELETE FROM ticket WHERE tunnel = ?1 AND member = ?2",
	[REMOVE_USER] = "DELETE FROM ticket WHERE lease IN"
					" (SELECT id FROM lease WHERE user = ?1 AND tunnel = coalesce(?2, tunnel))",
	[TRIM] = "DELETE FROM ticket WHERE until <= ?1",
	[FIND] = COLUMNS "WHERE tunnel = ?1 AND member = ?2",
	[EACH] = COLUMNS "WHERE tunnel = ?1",
};

static enum err ready(struct store *store, enum statement which, sqlite3_stmt **out_statement) {
	return statement_ready(store->database, texts[which], &store->tickets[which], out_statement);
}

static int bind_key(sqlite3_stmt *statement, const char *tunnel,
					const uint8_t member[static TEXT_KEY_SIZE]) {
	return statement_bind_text(statement, 1, tunnel) | statement_bind_key(statement, 2, member);
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
	code |= statement_bind_key(statement, 3, ticket->hash);
	code |= sqlite3_bind_blob(statement, 4, ticket->sealed, (int)ticket->size, SQLITE_STATIC);
	code |= sqlite3_bind_int64(statement, 5, (sqlite3_int64)ticket->until);
	return statement_change(statement, code);
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
	return error ? error : statement_finish(statement, bind_key(statement, tunnel, member));
}

enum err store_tickets_remove_user(struct store *store, int64_t user, const char *tunnel) {
	sqlite3_stmt *statement;
	enum err error = ready(store, REMOVE_USER, &statement);
	if (error)
		return error;
	int code = sqlite3_bind_int64(statement, 1, user);
	if (tunnel)
		code |= statement_bind_text(statement, 2, tunnel);
	return statement_finish(statement, code);
}

enum err store_tickets_trim(struct store *store, uint64_t now) {
	sqlite3_stmt *statement;
	enum err error = ready(store, TRIM, &statement);
	if (error)
		return error;
	now = now < INT64_MAX ? now : INT64_MAX;
	return statement_finish(statement, sqlite3_bind_int64(statement, 1, (sqlite3_int64)now));
}

static enum err read_ticket(sqlite3_stmt *row, struct store_ticket *out_ticket) {
	const void *sealed = sqlite3_column_blob(row, SEALED);
	int size = sqlite3_column_bytes(row, SEALED);
	if (!sealed || size > STORE_TICKET_MAX)
		return ERR_MALFORMED;
	struct store_ticket ticket = {.size = (size_t)size,
								  .until = (uint64_t)sqlite3_column_int64(row, UNTIL)};
	memcpy(ticket.sealed, sealed, ticket.size);
	enum err error = statement_read_key(row, MEMBER, ticket.member);
	if (!error)
		error = statement_read_key(row, HASH, ticket.hash);
	if (!error)
		*out_ticket = ticket;
	return error;
}

static enum err take_one(void *context, sqlite3_stmt *row) {
	return read_ticket(row, context);
}

enum err store_tickets_find(struct store *store, const char *tunnel,
							const uint8_t member[static TEXT_KEY_SIZE],
							struct store_ticket *out_ticket) {
	sqlite3_stmt *statement;
	enum err error = ready(store, FIND, &statement);
	return error ? error
				 : statement_one(statement, bind_key(statement, tunnel, member), take_one,
								 out_ticket);
}

struct taking {
	enum err (*take)(void *context, const struct store_ticket *ticket);
	void *context;
};

static enum err take_each(void *context, sqlite3_stmt *row) {
	const struct taking *taking = context;
	struct store_ticket ticket;
	enum err error = read_ticket(row, &ticket);
	return error ? error : taking->take(taking->context, &ticket);
}

enum err store_tickets_each(struct store *store, const char *tunnel,
							enum err (*take)(void *context, const struct store_ticket *ticket),
							void *context) {
	struct taking taking = {.take = take, .context = context};
	sqlite3_stmt *statement;
	enum err error = ready(store, EACH, &statement);
	return error ? error
				 : statement_each(statement, statement_bind_text(statement, 1, tunnel), take_each,
								  &taking);
}
