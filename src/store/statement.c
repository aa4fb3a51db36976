#include "store/statement.h"

#include <sqlite3.h>

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

enum err statement_ready(sqlite3 *database, const char *sql, sqlite3_stmt **statement) {
	if (*statement)
		return ERR_OK;
	return statement_error(
		sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL));
}

enum err statement_end(sqlite3_stmt *statement, int code) {
	(void)sqlite3_reset(statement);
	/* Values stay bound otherwise, and one of them may be a key. */
	(void)sqlite3_clear_bindings(statement);
	return statement_error(code);
}

enum err statement_finish(sqlite3_stmt *statement) {
	return statement_end(statement, sqlite3_step(statement));
}
