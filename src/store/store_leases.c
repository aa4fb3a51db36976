#include "store/store_leases.h"

#include <sqlite3.h>
#include <string.h>

#include "store/statement.h"
#include "store/store.h"
#include "store/store_core.h"

enum statement { ADD, CHANGE, REMOVE, FIND, EACH, OF_TUNNEL, OF_ALL };

#define COLUMNS "SELECT user, number, member, v4, v6, used, tunnel FROM lease "

enum column { USER, NUMBER, MEMBER, V4, V6, USED, TUNNEL };

static const char *const texts[STORE_LEASES_STATEMENTS] = {
	[ADD] = "INSERT INTO lease (tunnel, member, v4, v6, used, user, number)"
			" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[CHANGE] = "UPDATE lease SET v4 = ?3, v6 = ?4, used = ?5 WHERE tunnel = ?1 AND member = ?2",
	[REMOVE] = "DELETE FROM lease WHERE tunnel = ?1 AND member = ?2",
	[FIND] = COLUMNS "WHERE tunnel = ?1 AND member = ?2",
	[EACH] = COLUMNS "WHERE tunnel = ?1 ORDER BY user, number",
	[OF_TUNNEL] = COLUMNS "WHERE tunnel = ?1 AND user = ?2 ORDER BY used DESC, number",
	[OF_ALL] = COLUMNS "WHERE user = ?2 ORDER BY tunnel, number",
};

static enum err ready(struct store *store, enum statement which, sqlite3_stmt **out_statement) {
	enum err error = statement_ready(store->database, texts[which], &store->leases[which]);
	if (!error)
		*out_statement = store->leases[which];
	return error;
}

static int bind_key(sqlite3_stmt *statement, const char *tunnel,
					const uint8_t member[static TEXT_KEY_SIZE]) {
	return sqlite3_bind_text(statement, 1, tunnel, -1, SQLITE_STATIC) |
		   sqlite3_bind_blob(statement, 2, member, TEXT_KEY_SIZE, SQLITE_STATIC);
}

static int bind_address(sqlite3_stmt *statement, int index, const struct address *address) {
	return address->family == ADDRESS_NONE
			   ? sqlite3_bind_null(statement, index)
			   : sqlite3_bind_blob(statement, index, address->bytes, (int)address_size(address),
								   SQLITE_STATIC);
}

static bool is_of(const struct address *address, enum address_family family) {
	return address->family == ADDRESS_NONE || address->family == family;
}

static int bind_lease(sqlite3_stmt *statement, const char *tunnel,
					  const struct store_lease *lease) {
	int code = bind_key(statement, tunnel, lease->member);
	code |= bind_address(statement, 3, &lease->v4);
	code |= bind_address(statement, 4, &lease->v6);
	code |= sqlite3_bind_int64(statement, 5, (sqlite3_int64)lease->used);
	return code;
}

static enum err check(const char *tunnel, const struct store_lease *lease) {
	if (!is_of(&lease->v4, ADDRESS_V4) || !is_of(&lease->v6, ADDRESS_V6) || lease->number == 0)
		return ERR_INVALID;
	return lease->used > INT64_MAX || strlen(tunnel) > STORE_TEXT_MAX ? ERR_LIMIT : ERR_OK;
}

enum err store_leases_add(struct store *store, const char *tunnel,
						  const struct store_lease *lease) {
	sqlite3_stmt *statement;
	enum err error = check(tunnel, lease);
	if (!error)
		error = ready(store, ADD, &statement);
	if (error)
		return error;
	int code = bind_lease(statement, tunnel, lease);
	code |= sqlite3_bind_int64(statement, 6, lease->user);
	code |= sqlite3_bind_int64(statement, 7, lease->number);
	return code ? statement_end(statement, SQLITE_NOMEM) : statement_finish(statement);
}

/* Ends a statement of one lease whose values are bound, or could not be. */
static enum err finish(struct store *store, sqlite3_stmt *statement, int code) {
	enum err error = code ? statement_end(statement, SQLITE_NOMEM) : statement_finish(statement);
	return !error && sqlite3_changes(store->database) == 0 ? ERR_NOT_FOUND : error;
}

enum err store_leases_change(struct store *store, const char *tunnel,
							 const struct store_lease *lease) {
	sqlite3_stmt *statement;
	enum err error = check(tunnel, lease);
	if (!error)
		error = ready(store, CHANGE, &statement);
	return error ? error : finish(store, statement, bind_lease(statement, tunnel, lease));
}

enum err store_leases_remove(struct store *store, const char *tunnel,
							 const uint8_t member[static TEXT_KEY_SIZE]) {
	sqlite3_stmt *statement;
	enum err error = ready(store, REMOVE, &statement);
	return error ? error : finish(store, statement, bind_key(statement, tunnel, member));
}

static enum err read_address(sqlite3_stmt *row, int column, enum address_family family,
							 struct address *out_address) {
	if (sqlite3_column_type(row, column) == SQLITE_NULL)
		return ERR_OK;
	const uint8_t *bytes = sqlite3_column_blob(row, column);
	if (!bytes || sqlite3_column_bytes(row, column) !=
					  (family == ADDRESS_V4 ? ADDRESS_V4_SIZE : ADDRESS_V6_SIZE))
		return ERR_MALFORMED;
	*out_address = address_from_bytes(family, bytes);
	return ERR_OK;
}

static enum err read_lease(sqlite3_stmt *row, struct store_lease *out_lease) {
	const void *member = sqlite3_column_blob(row, MEMBER);
	if (!member || sqlite3_column_bytes(row, MEMBER) != TEXT_KEY_SIZE)
		return ERR_MALFORMED;
	struct store_lease lease = {
		.user = sqlite3_column_int64(row, USER),
		.number = (uint32_t)sqlite3_column_int64(row, NUMBER),
		.used = (uint64_t)sqlite3_column_int64(row, USED),
	};
	memcpy(lease.member, member, sizeof lease.member);
	enum err error = read_address(row, V4, ADDRESS_V4, &lease.v4);
	if (!error)
		error = read_address(row, V6, ADDRESS_V6, &lease.v6);
	if (!error)
		*out_lease = lease;
	return error;
}

enum err store_leases_find(struct store *store, const char *tunnel,
						   const uint8_t member[static TEXT_KEY_SIZE],
						   struct store_lease *out_lease) {
	sqlite3_stmt *statement;
	enum err error = ready(store, FIND, &statement);
	if (error)
		return error;
	if (bind_key(statement, tunnel, member))
		return statement_end(statement, SQLITE_NOMEM);
	struct store_lease lease;
	int code = sqlite3_step(statement);
	error = code == SQLITE_ROW    ? read_lease(statement, &lease)
			: code == SQLITE_DONE ? ERR_NOT_FOUND
								  : ERR_OK;
	enum err ended = statement_end(statement, code == SQLITE_ROW ? SQLITE_DONE : code);
	error = error ? error : ended;
	if (!error)
		*out_lease = lease;
	return error;
}

enum err store_leases_each(struct store *store, const char *tunnel,
						   enum err (*take)(void *context, const struct store_lease *lease),
						   void *context) {
	sqlite3_stmt *statement;
	enum err error = ready(store, EACH, &statement);
	if (error)
		return error;
	if (sqlite3_bind_text(statement, 1, tunnel, -1, SQLITE_STATIC))
		return statement_end(statement, SQLITE_NOMEM);
	int code = SQLITE_DONE;
	while (!error && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_lease lease;
		error = read_lease(statement, &lease);
		if (!error)
			error = take(context, &lease);
	}
	enum err ended = statement_end(statement, error ? SQLITE_DONE : code);
	return error ? error : ended;
}

enum err store_leases_of(struct store *store, const char *tunnel, int64_t user,
						 enum err (*take)(void *context, const char *tunnel,
										  const struct store_lease *lease),
						 void *context) {
	sqlite3_stmt *statement;
	enum err error = ready(store, tunnel ? OF_TUNNEL : OF_ALL, &statement);
	if (error)
		return error;
	int code = sqlite3_bind_int64(statement, 2, user);
	if (tunnel)
		code |= sqlite3_bind_text(statement, 1, tunnel, -1, SQLITE_STATIC);
	if (code)
		return statement_end(statement, SQLITE_NOMEM);
	while (!error && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_lease lease;
		const char *name = (const char *)sqlite3_column_text(statement, TUNNEL);
		error = name ? read_lease(statement, &lease) : ERR_MALFORMED;
		if (!error)
			error = take(context, name, &lease);
	}
	enum err ended = statement_end(statement, error ? SQLITE_DONE : code);
	return error ? error : ended;
}
