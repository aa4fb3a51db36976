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
	"CREATE TABLE user ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE CHECK (name <> ''),"
	" password TEXT NOT NULL,"
	" disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),"
	" expires INTEGER NOT NULL CHECK (expires >= 0),"
	" quota INTEGER NOT NULL CHECK (quota >= 0),"
	" used INTEGER NOT NULL CHECK (used >= 0),"
	" rate INTEGER NOT NULL CHECK (rate >= 0),"
	" devices INTEGER NOT NULL CHECK (devices BETWEEN 1 AND 255),"
	" created INTEGER NOT NULL,"
	" seen INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE user_group ("
	" user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,"
	" name TEXT NOT NULL CHECK (name <> ''),"
	" PRIMARY KEY (user, name)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE lease ("
	" id INTEGER PRIMARY KEY,"
	" user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,"
	" tunnel TEXT NOT NULL,"
	" number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 4294967295),"
	" member BLOB NOT NULL CHECK (length(member) = 32),"
	" v4 BLOB CHECK (length(v4) = 4),"
	" v6 BLOB CHECK (length(v6) = 16),"
	" used INTEGER NOT NULL CHECK (used >= 0),"
	" UNIQUE (user, tunnel, number),"
	" UNIQUE (tunnel, member),"
	" UNIQUE (tunnel, v4),"
	" UNIQUE (tunnel, v6)"
	") STRICT;"
	"CREATE TABLE ticket ("
	" tunnel TEXT NOT NULL,"
	" hash BLOB NOT NULL CHECK (length(hash) = 32),"
	" member BLOB NOT NULL CHECK (length(member) = 32),"
	" lease INTEGER REFERENCES lease (id) ON DELETE CASCADE," /* NULL: a client's */
	" sealed BLOB NOT NULL CHECK (length(sealed) BETWEEN 1 AND 240),"
	" until INTEGER NOT NULL CHECK (until >= 0),"
	" PRIMARY KEY (tunnel, hash),"
	" UNIQUE (tunnel, member)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX ticket_lease ON ticket (lease);",
	("ALTER TABLE user ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0 CHECK (epoch >= 0);"
	 "ALTER TABLE lease ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0 CHECK (epoch >= 0);"),
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
