#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* SQL statements, prepared at first use and kept, and SQLite's codes as our errors. */

struct sqlite3;
struct sqlite3_stmt;

/* For any result code but SQLITE_ROW; ERR_OK for SQLITE_OK and SQLITE_DONE. */
enum err statement_error(int code);

/* Statements that give no rows, separated by semicolons. */
enum err statement_run(struct sqlite3 *database, const char *sql);

/* Prepares into *kept unless that was done before; it is reset and without values. */
enum err statement_ready(struct sqlite3 *database, const char *sql, struct sqlite3_stmt **kept,
						 struct sqlite3_stmt **out_statement);

/* The value of a ?; what is bound lives until the statement has run. Not 0: there is no memory. */
int statement_bind_text(struct sqlite3_stmt *statement, int index, const char *text);
int statement_bind_key(struct sqlite3_stmt *statement, int index,
					   const uint8_t key[static TEXT_KEY_SIZE]);

/*
 * What follows runs a statement and resets it. bound is what all of its values came to; where that
 * is not 0 nothing is run: ERR_NO_MEMORY.
 */

/* One that gives no rows. */
enum err statement_finish(struct sqlite3_stmt *statement, int bound);
/* The same of one that is there to change rows. ERR_NOT_FOUND: it changed none. */
enum err statement_change(struct sqlite3_stmt *statement, int bound);
/* One row: what take() says of it, or ERR_NOT_FOUND. */
enum err statement_one(struct sqlite3_stmt *statement, int bound,
					   enum err (*take)(void *context, struct sqlite3_stmt *row), void *context);
/* All rows; an error of take() ends it and is returned. */
enum err statement_each(struct sqlite3_stmt *statement, int bound,
						enum err (*take)(void *context, struct sqlite3_stmt *row), void *context);

/* A value of a row. ERR_MALFORMED: it is longer, is of another size, or holds a zero byte. */
enum err statement_read_text(struct sqlite3_stmt *row, int column, size_t most, char *out_text);
enum err statement_read_key(struct sqlite3_stmt *row, int column,
							uint8_t out_key[static TEXT_KEY_SIZE]);
