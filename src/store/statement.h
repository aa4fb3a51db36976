#pragma once

#include <stddef.h>

#include "base/error.h"

/* SQL statements, prepared at first use and kept, and SQLite's codes as our errors. */

struct sqlite3;
struct sqlite3_stmt;

/* For any result code but SQLITE_ROW; ERR_OK for SQLITE_OK and SQLITE_DONE. */
enum err statement_error(int code);

/* Statements that give no rows, separated by semicolons. */
enum err statement_run(struct sqlite3 *database, const char *sql);

/* Prepares into *statement unless that was done before; it is reset and without values. */
enum err statement_ready(struct sqlite3 *database, const char *sql,
						 struct sqlite3_stmt **statement);

/* Runs a statement that gives no rows, and resets it. */
enum err statement_finish(struct sqlite3_stmt *statement);

/* Takes a code of sqlite3_step() that ended the rows, and resets. */
enum err statement_end(struct sqlite3_stmt *statement, int code);
