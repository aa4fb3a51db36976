#include "store/store_users.h"

#include <sqlite3.h>
#include <string.h>

#include "base/wipe.h"
#include "store/statement.h"
#include "store/store_core.h"

enum statement {
	ADD,
	CHANGE,
	REMOVE,
	FIND,
	GET,
	EACH,
	COUNT,
	USE,
	RESET,
	ADD_GROUP,
	CLEAR_GROUPS,
	LOCK,
	VOID_TICKETS,
};

/* One row is one user; its groups are lines. */
#define COLUMNS                                                                                \
	"SELECT id, name, password, disabled, expires, quota, used, rate, devices, created, seen," \
	" epoch,"                                                                                  \
	" (SELECT group_concat(name, char(10)) FROM"                                               \
	" (SELECT name FROM user_group WHERE user_group.user = user.id ORDER BY name)) FROM user "

enum column {
	ID,
	NAME,
	PASSWORD,
	DISABLED,
	EXPIRES,
	QUOTA,
	USED,
	RATE,
	DEVICES,
	CREATED,
	SEEN,
	EPOCH,
	GROUPS
};

static const char *const texts[STORE_USERS_STATEMENTS] = {
	[ADD] = "INSERT INTO user (name, password, disabled, expires, quota, rate, devices, created,"
			" used, seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)",
	[CHANGE] = "UPDATE user SET password = ?2, disabled = ?3, expires = ?4, quota = ?5, rate = ?6,"
			   " devices = ?7 WHERE id = ?1",
	[REMOVE] = "DELETE FROM user WHERE id = ?1",
	[FIND] = COLUMNS "WHERE name = ?1",
	[GET] = COLUMNS "WHERE id = ?1",
	[EACH] = COLUMNS "ORDER BY name",
	[COUNT] = "SELECT count(*) FROM user",
	/* A sum beyond an integer is a real number to SQLite, and compared as one. */
	[USE] = "UPDATE user SET used = min(used + ?2, 9223372036854775807), seen = max(seen, ?3)"
			" WHERE id = ?1",
	[RESET] = "UPDATE user SET used = 0 WHERE id = ?1",
	[ADD_GROUP] = "INSERT OR IGNORE INTO user_group (user, name) VALUES (?1, ?2)",
	[CLEAR_GROUPS] = "DELETE FROM user_group WHERE user = ?1",
	[LOCK] = "UPDATE user SET epoch = epoch + 1 WHERE id = ?1",
	[VOID_TICKETS] = "DELETE FROM ticket WHERE lease IN (SELECT id FROM lease WHERE user = ?1)",
};

static enum err ready(struct store *store, enum statement which, sqlite3_stmt **out_statement) {
	return statement_ready(store->database, texts[which], &store->users[which], out_statement);
}

/* Runs a statement that has the id alone. ERR_NOT_FOUND where it changed nothing. */
static enum err run_for(struct store *store, enum statement which, int64_t id) {
	sqlite3_stmt *statement;
	enum err error = ready(store, which, &statement);
	return error ? error : statement_change(statement, sqlite3_bind_int64(statement, 1, id));
}

static int bind_number(sqlite3_stmt *statement, int index, uint64_t number) {
	return sqlite3_bind_int64(statement, index, (sqlite3_int64)number);
}

/* What lines of names can hold. */
static bool is_name(const char *text) {
	for (const char *next = text; *next; next++)
		if ((unsigned char)*next < 0x20)
			return false;
	return text[0];
}

static enum err check(const struct store_user *user) {
	if (!is_name(user->name) || user->group_count > STORE_USER_GROUPS_MAX || user->devices < 1 ||
		user->devices > STORE_DEVICES_MAX)
		return ERR_INVALID;
	for (size_t i = 0; i < user->group_count; i++)
		if (!is_name(user->groups[i]))
			return ERR_INVALID;
	const uint64_t most = INT64_MAX;
	return user->expires > most || user->quota > most || user->used > most || user->rate > most ||
				   user->created > most
			   ? ERR_LIMIT
			   : ERR_OK;
}

static enum err add_groups(struct store *store, int64_t id, const struct store_user *user) {
	sqlite3_stmt *statement;
	enum err error = ready(store, ADD_GROUP, &statement);
	for (size_t i = 0; i < user->group_count && !error; i++) {
		int code = bind_number(statement, 1, (uint64_t)id);
		code |= statement_bind_text(statement, 2, user->groups[i]);
		error = statement_finish(statement, code);
	}
	return error;
}

/* From ?2 on, as ADD and CHANGE have them. */
static int bind_settings(sqlite3_stmt *statement, const struct store_user *user) {
	int code = statement_bind_text(statement, 2, user->password);
	code |= bind_number(statement, 3, user->disabled);
	code |= bind_number(statement, 4, user->expires);
	code |= bind_number(statement, 5, user->quota);
	code |= bind_number(statement, 6, user->rate);
	code |= bind_number(statement, 7, user->devices);
	return code;
}

static enum err add_row(struct store *store, const struct store_user *user) {
	sqlite3_stmt *statement;
	enum err error = ready(store, ADD, &statement);
	if (error)
		return error;
	int code = statement_bind_text(statement, 1, user->name);
	code |= bind_settings(statement, user);
	code |= bind_number(statement, 8, user->created);
	code |= bind_number(statement, 9, user->used);
	return statement_finish(statement, code);
}

static enum err change_row(struct store *store, const struct store_user *user) {
	sqlite3_stmt *statement;
	enum err error = ready(store, CHANGE, &statement);
	if (error)
		return error;
	int code = bind_number(statement, 1, (uint64_t)user->id);
	code |= bind_settings(statement, user);
	return statement_change(statement, code);
}

/* A savepoint is a transaction of its own, or a part of the caller's. */
static enum err end(struct store *store, enum err error) {
	if (!error)
		error = statement_run(store->database, "RELEASE user");
	if (error)
		(void)sqlite3_exec(store->database, "ROLLBACK TO user; RELEASE user", NULL, NULL, NULL);
	return error;
}

enum err store_users_add(struct store *store, const struct store_user *user, int64_t *out_id) {
	enum err error = check(user);
	if (!error)
		error = statement_run(store->database, "SAVEPOINT user");
	if (error)
		return error;
	error = add_row(store, user);
	int64_t id = sqlite3_last_insert_rowid(store->database);
	if (!error)
		error = add_groups(store, id, user);
	error = end(store, error);
	if (!error && out_id)
		*out_id = id;
	return error;
}

enum err store_users_change(struct store *store, const struct store_user *user) {
	enum err error = check(user);
	if (!error)
		error = statement_run(store->database, "SAVEPOINT user");
	if (error)
		return error;
	error = change_row(store, user);
	if (!error) {
		error = run_for(store, CLEAR_GROUPS, user->id);
		error = error == ERR_NOT_FOUND ? ERR_OK : error;
	}
	if (!error)
		error = add_groups(store, user->id, user);
	return end(store, error);
}

enum err store_users_lock(struct store *store, int64_t id) {
	enum err error = statement_run(store->database, "SAVEPOINT user");
	if (error)
		return error;
	error = run_for(store, LOCK, id);
	if (!error) {
		error = run_for(store, VOID_TICKETS, id);
		error = error == ERR_NOT_FOUND ? ERR_OK : error;
	}
	return end(store, error);
}

enum err store_users_remove(struct store *store, int64_t id) {
	return run_for(store, REMOVE, id);
}

static enum err read_groups(sqlite3_stmt *row, struct store_user *user) {
	const char *text = (const char *)sqlite3_column_text(row, GROUPS);
	while (text && *text) {
		size_t size = strcspn(text, "\n");
		if (size > STORE_GROUP_NAME_MAX || user->group_count == STORE_USER_GROUPS_MAX)
			return ERR_MALFORMED;
		memcpy(user->groups[user->group_count], text, size);
		user->groups[user->group_count++][size] = '\0';
		text += size + (text[size] != '\0');
	}
	return ERR_OK;
}

static uint64_t read_number(sqlite3_stmt *row, enum column column) {
	return (uint64_t)sqlite3_column_int64(row, (int)column);
}

/* *user may be half of it on failure. */
static enum err read_user(sqlite3_stmt *row, struct store_user *user) {
	*user = (struct store_user){
		.id = sqlite3_column_int64(row, ID),
		.disabled = read_number(row, DISABLED) != 0,
		.expires = read_number(row, EXPIRES),
		.quota = read_number(row, QUOTA),
		.used = read_number(row, USED),
		.rate = read_number(row, RATE),
		.devices = (uint32_t)read_number(row, DEVICES),
		.created = read_number(row, CREATED),
		.seen = read_number(row, SEEN),
		.epoch = read_number(row, EPOCH),
	};
	enum err error = statement_read_text(row, NAME, STORE_USER_NAME_MAX, user->name);
	if (!error)
		error = statement_read_text(row, PASSWORD, STORE_PASSWORD_MAX, user->password);
	return error ? error : read_groups(row, user);
}

static enum err take_one(void *context, sqlite3_stmt *row) {
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	enum err error = read_user(row, &s.user);
	if (!error)
		*(struct store_user *)context = s.user;
	return error;
}

enum err store_users_find(struct store *store, const char *name, struct store_user *out_user) {
	sqlite3_stmt *statement;
	enum err error = ready(store, FIND, &statement);
	return error ? error
				 : statement_one(statement, statement_bind_text(statement, 1, name), take_one,
								 out_user);
}

enum err store_users_get(struct store *store, int64_t id, struct store_user *out_user) {
	sqlite3_stmt *statement;
	enum err error = ready(store, GET, &statement);
	return error
			   ? error
			   : statement_one(statement, sqlite3_bind_int64(statement, 1, id), take_one, out_user);
}

struct taking {
	enum err (*take)(void *context, const struct store_user *user);
	void *context;
};

static enum err take_each(void *context, sqlite3_stmt *row) {
	const struct taking *taking = context;
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	enum err error = read_user(row, &s.user);
	return error ? error : taking->take(taking->context, &s.user);
}

enum err store_users_each(struct store *store,
						  enum err (*take)(void *context, const struct store_user *user),
						  void *context) {
	struct taking taking = {.take = take, .context = context};
	sqlite3_stmt *statement;
	enum err error = ready(store, EACH, &statement);
	return error ? error : statement_each(statement, 0, take_each, &taking);
}

static enum err take_count(void *context, sqlite3_stmt *row) {
	*(uint64_t *)context = (uint64_t)sqlite3_column_int64(row, 0);
	return ERR_OK;
}

enum err store_users_count(struct store *store, uint64_t *out_count) {
	sqlite3_stmt *statement;
	enum err error = ready(store, COUNT, &statement);
	return error ? error : statement_one(statement, 0, take_count, out_count);
}

enum err store_users_use(struct store *store, int64_t id, uint64_t bytes, uint64_t seen) {
	sqlite3_stmt *statement;
	enum err error = ready(store, USE, &statement);
	if (error)
		return error;
	int code = sqlite3_bind_int64(statement, 1, id);
	code |= bind_number(statement, 2, bytes < INT64_MAX ? bytes : INT64_MAX);
	code |= bind_number(statement, 3, seen < INT64_MAX ? seen : INT64_MAX);
	return statement_finish(statement, code);
}

enum err store_users_reset(struct store *store, int64_t id) {
	return run_for(store, RESET, id);
}
