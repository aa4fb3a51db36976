#include "store/schema.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>

#include "store/statement.h"

/* steps[n] leads from version n to n + 1. */
static const char *const steps[SCHEMA_VERSION] = {
	"CREATE TABLE peer ("
	" id INTEGER PRIMARY KEY,"
	" tunnel TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" public_key BLOB NOT NULL CHECK (length(public_key) = 32),"
	" preshared_key BLOB CHECK (length(preshared_key) = 32),"
	" endpoint_name TEXT,"
	" endpoint_port INTEGER NOT NULL CHECK (endpoint_port BETWEEN 0 AND 65535),"
	" persistent_keepalive INTEGER NOT NULL CHECK (persistent_keepalive BETWEEN 0 AND 65535),"
	" created INTEGER NOT NULL,"
	" UNIQUE (tunnel, name),"
	" UNIQUE (tunnel, public_key)"
	") STRICT;"
	"CREATE TABLE allowed_ip ("
	" peer INTEGER NOT NULL REFERENCES peer (id) ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" address BLOB NOT NULL CHECK (length(address) IN (4, 16)),"
	" length INTEGER NOT NULL CHECK (length BETWEEN 0 AND 8 * length(address)),"
	" PRIMARY KEY (peer, position)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE tunnel_down (tunnel TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;",
	"CREATE TABLE seen ("
	" tunnel TEXT NOT NULL,"
	" client BLOB NOT NULL CHECK (length(client) = 32),"
	" random BLOB NOT NULL CHECK (length(random) = 16),"
	" timestamp INTEGER NOT NULL,"
	" PRIMARY KEY (tunnel, client, random)"
	") STRICT, WITHOUT ROWID;",
	"ALTER TABLE peer ADD COLUMN rules TEXT;",
};

static enum err read_number(sqlite3 *database, const char *sql, int *out_number) {
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out_number = sqlite3_column_int(statement, 0);
	(void)sqlite3_finalize(statement);
	return code == SQLITE_ROW ? ERR_OK : statement_error(code);
}

static enum err check_owner(sqlite3 *database) {
	int application = 0, objects = 0;
	enum err error = read_number(database, "PRAGMA application_id", &application);
	if (!error)
		error = read_number(database, "SELECT count(*) FROM sqlite_schema", &objects);
	if (error)
		return error;
	bool is_new = application == 0 && objects == 0;
	return is_new || application == SCHEMA_APPLICATION ? ERR_OK : ERR_WRONG_KIND;
}

static enum err climb(sqlite3 *database, int version) {
	enum err error = ERR_OK;
	for (; version < SCHEMA_VERSION && !error; version++)
		error = statement_run(database, steps[version]);
	if (error)
		return error;
	char sql[96];
	(void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
				   SCHEMA_APPLICATION, SCHEMA_VERSION);
	return statement_run(database, sql);
}

enum err schema_migrate(sqlite3 *database) {
	/* The lock first: another process may be doing the same. */
	enum err error = statement_run(database, "BEGIN IMMEDIATE");
	if (error)
		return error;
	int version = 0;
	error = check_owner(database);
	if (!error)
		error = read_number(database, "PRAGMA user_version", &version);
	if (!error && (version < 0 || version > SCHEMA_VERSION))
		error = ERR_UNSUPPORTED;
	if (!error && version < SCHEMA_VERSION)
		error = climb(database, version);
	if (!error)
		error = statement_run(database, "COMMIT");
	if (error)
		(void)sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
	return error;
}
