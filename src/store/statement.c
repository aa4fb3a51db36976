#include "store/statement.h"

#include <sqlite3.h>
#include <string.h>

enum err statement_error(int code) {
	switch (code) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
		return ERR_EXISTS;
	default:
		break;
	}
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return ERR_OK;
	case SQLITE_NOMEM:
		return ERR_NO_MEMORY;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_AGAIN;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_MALFORMED;
	case SQLITE_FULL:
		return ERR_NO_SPACE;
	case SQLITE_READONLY:
		return ERR_READ_ONLY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return ERR_PERMISSION;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
		return ERR_INVALID;
	case SQLITE_TOOBIG:
		return ERR_LIMIT;
	default:
		return ERR_IO;
	}
}

enum err statement_run(sqlite3 *database, const char *sql) {
	return statement_error(sqlite3_exec(database, sql, NULL, NULL, NULL));
}

enum err statement_ready(sqlite3 *database, const char *sql, sqlite3_stmt **kept,
						 sqlite3_stmt **out_statement) {
	if (!*kept) {
		int code = sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, kept, NULL);
		if (code)
			return statement_error(code);
	}
	*out_statement = *kept;
	return ERR_OK;
}

int statement_bind_text(sqlite3_stmt *statement, int index, const char *text) {
	return sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

int statement_bind_key(sqlite3_stmt *statement, int index,
					   const uint8_t key[static TEXT_KEY_SIZE]) {
	return sqlite3_bind_blob(statement, index, key, TEXT_KEY_SIZE, SQLITE_STATIC);
}

/* Takes a code of sqlite3_step() that ended the rows. */
static enum err end(sqlite3_stmt *statement, int code) {
	(void)sqlite3_reset(statement);
	/* Values stay bound otherwise, and one of them may be a key. */
	(void)sqlite3_clear_bindings(statement);
	return statement_error(code);
}

enum err statement_finish(sqlite3_stmt *statement, int bound) {
	return end(statement, bound ? SQLITE_NOMEM : sqlite3_step(statement));
}

enum err statement_change(sqlite3_stmt *statement, int bound) {
	enum err error = statement_finish(statement, bound);
	return !error && sqlite3_changes(sqlite3_db_handle(statement)) == 0 ? ERR_NOT_FOUND : error;
}

enum err statement_one(sqlite3_stmt *statement, int bound,
					   enum err (*take)(void *context, sqlite3_stmt *row), void *context) {
	const int code = bound ? SQLITE_NOMEM : sqlite3_step(statement);
	if (code != SQLITE_ROW) {
		enum err error = end(statement, code);
		return error ? error : ERR_NOT_FOUND;
	}
	enum err error = take(context, statement);
	(void)end(statement, SQLITE_DONE);
	return error;
}

enum err statement_each(sqlite3_stmt *statement, int bound,
						enum err (*take)(void *context, sqlite3_stmt *row), void *context) {
	enum err error = ERR_OK;
	int code = bound ? SQLITE_NOMEM : sqlite3_step(statement);
	while (code == SQLITE_ROW && !error) {
		error = take(context, statement);
		code = error ? SQLITE_DONE : sqlite3_step(statement);
	}
	enum err ended = end(statement, code);
	return error ? error : ended;
}

enum err statement_read_text(sqlite3_stmt *row, int column, size_t most, char *out_text) {
	const char *text = (const char *)sqlite3_column_text(row, column);
	size_t size = (size_t)sqlite3_column_bytes(row, column);
	if (!text || size > most || strlen(text) != size)
		return ERR_MALFORMED;
	memcpy(out_text, text, size + 1);
	return ERR_OK;
}

enum err statement_read_key(sqlite3_stmt *row, int column, uint8_t out_key[static TEXT_KEY_SIZE]) {
	const void *key = sqlite3_column_blob(row, column);
	if (!key || sqlite3_column_bytes(row, column) != TEXT_KEY_SIZE)
		return ERR_MALFORMED;
	memcpy(out_key, key, TEXT_KEY_SIZE);
	return ERR_OK;
}
