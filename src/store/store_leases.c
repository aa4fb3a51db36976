#include "store/store_leases.h"

#include <sqlite3.h>
#include <string.h>

#include "store/statement.h"
#include "store/store.h"
#include "store/store_core.h"

enum statement { ADD, CHANGE, ENDED, REMOVE, FIND, EACH, IDLE, OF_TUNNEL, OF_ALL };

#define COLUMNS "SELECT user, number, member, v4, v6, used, epoch, tunnel FROM lease "

enum column { USER, NUMBER, MEMBER, V4, V6, USED, EPOCH, TUNNEL };

static const char *const texts[STORE_LEASES_STATEMENTS] = {
	[ADD] = "INSERT INTO lease (tunnel, member, v4, v6, used, user, number, epoch)"
			" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[CHANGE] = "UPDATE lease SET v4 = ?3, v6 = ?4, used = ?5 WHERE tunnel = ?1 AND member = ?2",
	[ENDED] = "UPDATE lease SET epoch = ?3 WHERE tunnel = ?1 AND member = ?2 AND epoch < ?3",
	[REMOVE] = "DELETE FROM lease WHERE tunnel = ?1 AND member = ?2",
	[FIND] = COLUMNS "WHERE tunnel = ?1 AND member = ?2",
	[EACH] = COLUMNS "WHERE tunnel = ?1 ORDER BY user, number",
	[IDLE] = "SELECT user, number, member, v4, v6, lease.used, lease.epoch, tunnel,"
			 " (disabled OR (expires > 0 AND expires <= ?2)) AS is_out"
			 " FROM lease JOIN user ON user.id = lease.user"
			 " WHERE tunnel = ?1 AND (is_out OR lease.used < ?3)"
			 " ORDER BY is_out DESC, lease.used, lease.id",
	[OF_TUNNEL] = COLUMNS "WHERE tunnel = ?1 AND user = ?2 ORDER BY used DESC, number",
	[OF_ALL] = COLUMNS "WHERE user = ?2 ORDER BY tunnel, number",
};

static enum err ready(struct store *store, enum statement which, sqlite3_stmt **out_statement) {
	return statement_ready(store->database, texts[which], &store->leases[which], out_statement);
}

static int bind_key(sqlite3_stmt *statement, const char *tunnel,
					const uint8_t member[static TEXT_KEY_SIZE]) {
	return statement_bind_text(statement, 1, tunnel) | statement_bind_key(statement, 2, member);
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
	code |= sqlite3_bind_int64(statement, 8, (sqlite3_int64)lease->epoch);
	return statement_finish(statement, code);
}

enum err store_leases_change(struct store *store, const char *tunnel,
							 const struct store_lease *lease) {
	sqlite3_stmt *statement;
	enum err error = check(tunnel, lease);
	if (!error)
		error = ready(store, CHANGE, &statement);
	return error ? error : statement_change(statement, bind_lease(statement, tunnel, lease));
}

enum err store_leases_ended(struct store *store, const char *tunnel,
							const uint8_t member[static TEXT_KEY_SIZE], uint64_t epoch) {
	sqlite3_stmt *statement;
	enum err error = ready(store, ENDED, &statement);
	if (error)
		return error;
	int code = bind_key(statement, tunnel, member);
	code |= sqlite3_bind_int64(statement, 3, (sqlite3_int64)epoch);
	return statement_change(statement, code);
}

enum err store_leases_remove(struct store *store, const char *tunnel,
							 const uint8_t member[static TEXT_KEY_SIZE]) {
	sqlite3_stmt *statement;
	enum err error = ready(store, REMOVE, &statement);
	return error ? error : statement_change(statement, bind_key(statement, tunnel, member));
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
	struct store_lease lease = {
		.user = sqlite3_column_int64(row, USER),
		.number = (uint32_t)sqlite3_column_int64(row, NUMBER),
		.used = (uint64_t)sqlite3_column_int64(row, USED),
		.epoch = (uint64_t)sqlite3_column_int64(row, EPOCH),
	};
	enum err error = statement_read_key(row, MEMBER, lease.member);
	if (!error)
		error = read_address(row, V4, ADDRESS_V4, &lease.v4);
	if (!error)
		error = read_address(row, V6, ADDRESS_V6, &lease.v6);
	if (!error)
		*out_lease = lease;
	return error;
}

static enum err take_one(void *context, sqlite3_stmt *row) {
	return read_lease(row, context);
}

enum err store_leases_find(struct store *store, const char *tunnel,
						   const uint8_t member[static TEXT_KEY_SIZE],
						   struct store_lease *out_lease) {
	sqlite3_stmt *statement;
	enum err error = ready(store, FIND, &statement);
	return error
			   ? error
			   : statement_one(statement, bind_key(statement, tunnel, member), take_one, out_lease);
}

/* Who takes leases: those of one tunnel, or with the tunnel's name. */
struct taking {
	enum err (*take)(void *context, const struct store_lease *lease);
	enum err (*take_of)(void *context, const char *tunnel, const struct store_lease *lease);
	void *context;
};

static enum err take_each(void *context, sqlite3_stmt *row) {
	const struct taking *taking = context;
	struct store_lease lease;
	enum err error = read_lease(row, &lease);
	return error ? error : taking->take(taking->context, &lease);
}

enum err store_leases_each(struct store *store, const char *tunnel,
						   enum err (*take)(void *context, const struct store_lease *lease),
						   void *context) {
	struct taking taking = {.take = take, .context = context};
	sqlite3_stmt *statement;
	enum err error = ready(store, EACH, &statement);
	return error ? error
				 : statement_each(statement, statement_bind_text(statement, 1, tunnel), take_each,
								  &taking);
}

enum err store_leases_idle(struct store *store, const char *tunnel, uint64_t now, uint64_t since,
						   enum err (*take)(void *context, const struct store_lease *lease),
						   void *context) {
	struct taking taking = {.take = take, .context = context};
	sqlite3_stmt *statement;
	enum err error = ready(store, IDLE, &statement);
	if (error)
		return error;
	int code = statement_bind_text(statement, 1, tunnel);
	code |= sqlite3_bind_int64(statement, 2, (sqlite3_int64)now);
	code |= sqlite3_bind_int64(statement, 3, (sqlite3_int64)since);
	return statement_each(statement, code, take_each, &taking);
}

static enum err take_of(void *context, sqlite3_stmt *row) {
	const struct taking *taking = context;
	struct store_lease lease;
	const char *tunnel = (const char *)sqlite3_column_text(row, TUNNEL);
	enum err error = tunnel ? read_lease(row, &lease) : ERR_MALFORMED;
	return error ? error : taking->take_of(taking->context, tunnel, &lease);
}

enum err store_leases_of(struct store *store, const char *tunnel, int64_t user,
						 enum err (*take)(void *context, const char *tunnel,
										  const struct store_lease *lease),
						 void *context) {
	struct taking taking = {.take_of = take, .context = context};
	sqlite3_stmt *statement;
	enum err error = ready(store, tunnel ? OF_TUNNEL : OF_ALL, &statement);
	if (error)
		return error;
	int code = sqlite3_bind_int64(statement, 2, user);
	if (tunnel)
		code |= statement_bind_text(statement, 1, tunnel);
	return statement_each(statement, code, take_of, &taking);
}
