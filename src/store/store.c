#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "store/here.h"
#include "store/memory.h"
#include "store/schema.h"
#include "store/statement.h"
#include "store/store_core.h"

/* Folders that are missing on the way to the file; path is changed meanwhile and restored. */
static enum err make_folders(char *path) {
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int failed = mkdir(path, 0700) && errno != EEXIST ? errno : 0;
		*slash = '/';
		if (failed)
			return err_from_errno(failed);
	}
	return ERR_OK;
}

/*
 * SQLite gives its other files the mode of this one. A file that exists is not opened here: to
 * close a descriptor of it would drop the locks that this process has on it.
 */
static enum err make_file(const char *path) {
	auto_close int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (descriptor >= 0)
		return ERR_OK;
	if (errno != EEXIST)
		return err_from_errno(errno);
	struct stat status;
	if (lstat(path, &status))
		return err_from_errno(errno);
	if (!S_ISREG(status.st_mode))
		return ERR_WRONG_KIND;
	if ((status.st_mode & 077) && chmod(path, 0600))
		return err_from_errno(errno);
	return ERR_OK;
}

static enum err check(sqlite3 *database) {
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(database, "PRAGMA quick_check(1)", -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	enum err error = code == SQLITE_ROW ? ERR_OK : statement_error(code);
	if (!error && strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0)
		error = ERR_MALFORMED;
	(void)sqlite3_finalize(statement);
	return error;
}

/* files: how they are found, NULL: by their paths. */
static enum err open_database(const char *path, const char *files, sqlite3 **out_database) {
	memory_wiped();
	sqlite3 *database = NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
				SQLITE_OPEN_EXRESCODE;
	enum err error = statement_error(sqlite3_open_v2(path, &database, flags, files));
	if (!error) {
		/* Small allocations would be served from a pool that is not wiped. */
		(void)sqlite3_db_config(database, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
		(void)sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		(void)sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		(void)sqlite3_busy_timeout(database, STORE_BUSY_MILLISECONDS);
		error = statement_run(database, "PRAGMA journal_mode = WAL;"
										"PRAGMA synchronous = FULL;"
										"PRAGMA foreign_keys = ON;"
										"PRAGMA secure_delete = ON;"
										"PRAGMA temp_store = MEMORY");
	}
	if (!error)
		error = check(database);
	if (!error)
		error = schema_migrate(database);
	if (error)
		(void)sqlite3_close(database);
	else
		*out_database = database;
	return error;
}

static void explain(const char *path, enum err error, char out_problem[static STORE_PROBLEM_SIZE]) {
	const char *text = err_text(error);
	if (error == ERR_UNSUPPORTED)
		text = "it was made by a newer umbra";
	else if (error == ERR_MALFORMED)
		text = "it is damaged: move it away to begin with an empty one";
	else if (error == ERR_WRONG_KIND)
		text = "it is not a store of umbra";
	else if (error == ERR_AGAIN)
		text = "another process has locked it";
	(void)snprintf(out_problem, STORE_PROBLEM_SIZE, "%.120s: %s", path, text);
}

enum err store_open(const char *path, struct store **out_store,
					char out_problem[static STORE_PROBLEM_SIZE]) {
	auto_free char *folders = strdup(path);
	auto_free struct store *store = calloc(1, sizeof *store);
	enum err error = folders && store ? ERR_OK : ERR_NO_MEMORY;
	if (!error)
		error = make_folders(folders);
	if (!error)
		error = make_file(path);
	if (!error)
		error = open_database(path, NULL, &store->database);
	if (error) {
		explain(path, error, out_problem);
		return error;
	}
	*out_store = cleanup_steal(store);
	return ERR_OK;
}

enum err store_open_here(const char *folder, const char *name, struct store **out_store,
						 char out_problem[static STORE_PROBLEM_SIZE]) {
	auto_free struct store *store = calloc(1, sizeof *store);
	enum err error = store ? here_register() : ERR_NO_MEMORY;
	if (!error)
		error = make_file(name);
	if (!error)
		error = open_database(name, HERE_NAME, &store->database);
	if (error) {
		char path[STORE_PROBLEM_SIZE];
		(void)snprintf(path, sizeof path, "%.150s/%.40s", folder, name);
		explain(path, error, out_problem);
		return error;
	}
	*out_store = cleanup_steal(store);
	return ERR_OK;
}

void store_close(struct store *store) {
	if (!store)
		return;
	/* Those that are kept. */
	for (sqlite3_stmt *kept; (kept = sqlite3_next_stmt(store->database, NULL));)
		(void)sqlite3_finalize(kept);
	(void)sqlite3_close(store->database);
	free(store);
}

enum err store_begin(struct store *store) {
	return statement_run(store->database, "BEGIN IMMEDIATE");
}

enum err store_commit(struct store *store) {
	enum err error = statement_run(store->database, "COMMIT");
	if (error)
		store_rollback(store);
	return error;
}

void store_rollback(struct store *store) {
	(void)sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
}

static enum err add_row(struct store *store, const struct store_peer *peer) {
	sqlite3_stmt *statement;
	enum err error = statement_ready(
		store->database,
		"INSERT INTO peer (tunnel, name, public_key, preshared_key, endpoint_name, endpoint_port,"
		" persistent_keepalive, created, rules) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		&store->add_peer, &statement);
	if (error)
		return error;
	int code = statement_bind_text(statement, 1, peer->tunnel);
	code |= statement_bind_text(statement, 2, peer->name);
	code |= statement_bind_key(statement, 3, peer->public_key);
	if (peer->has_preshared_key)
		code |= statement_bind_key(statement, 4, peer->preshared_key);
	code |= statement_bind_text(statement, 5, peer->endpoint_name); /* NULL for NULL */
	code |= sqlite3_bind_int(statement, 6, peer->endpoint_port);
	code |= sqlite3_bind_int(statement, 7, peer->persistent_keepalive);
	code |= sqlite3_bind_int64(statement, 8, (sqlite3_int64)peer->created);
	code |= statement_bind_text(statement, 9, peer->rules); /* likewise */
	return statement_finish(statement, code);
}

static enum err add_prefix(struct store *store, sqlite3_int64 id, size_t position,
						   const struct prefix *prefix) {
	sqlite3_stmt *statement;
	enum err error = statement_ready(
		store->database,
		"INSERT INTO allowed_ip (peer, position, address, length) VALUES (?1, ?2, ?3, ?4)",
		&store->add_prefix, &statement);
	if (error)
		return error;
	int code = sqlite3_bind_int64(statement, 1, id);
	code |= sqlite3_bind_int64(statement, 2, (sqlite3_int64)position);
	code |= sqlite3_bind_blob(statement, 3, prefix->address.bytes,
							  (int)address_size(&prefix->address), SQLITE_STATIC);
	code |= sqlite3_bind_int(statement, 4, prefix->length);
	return statement_finish(statement, code);
}

static enum err check_peer(const struct store_peer *peer) {
	if (peer->allowed_ip_count > STORE_ALLOWED_IPS_MAX || strlen(peer->name) > STORE_TEXT_MAX ||
		strlen(peer->tunnel) > STORE_TEXT_MAX ||
		(peer->endpoint_name && strlen(peer->endpoint_name) > STORE_TEXT_MAX) ||
		(peer->rules && strlen(peer->rules) > STORE_RULES_MAX))
		return ERR_LIMIT;
	return ERR_OK;
}

enum err store_add_peer(struct store *store, const struct store_peer *peer) {
	enum err error = check_peer(peer);
	if (error)
		return error;
	/* A savepoint is a transaction of its own, or a part of the caller's. */
	error = statement_run(store->database, "SAVEPOINT peer");
	if (error)
		return error;
	error = add_row(store, peer);
	sqlite3_int64 id = sqlite3_last_insert_rowid(store->database);
	for (size_t i = 0; i < peer->allowed_ip_count && !error; i++)
		error = add_prefix(store, id, i, &peer->allowed_ips[i]);
	if (!error)
		error = statement_run(store->database, "RELEASE peer");
	if (error)
		(void)sqlite3_exec(store->database, "ROLLBACK TO peer; RELEASE peer", NULL, NULL, NULL);
	return error;
}

enum err store_remove_peer(struct store *store, const char *tunnel,
						   const uint8_t public_key[static TEXT_KEY_SIZE]) {
	sqlite3_stmt *statement;
	enum err error =
		statement_ready(store->database, "DELETE FROM peer WHERE tunnel = ?1 AND public_key = ?2",
						&store->remove_peer, &statement);
	if (error)
		return error;
	int code = statement_bind_text(statement, 1, tunnel);
	code |= statement_bind_key(statement, 2, public_key);
	return statement_change(statement, code);
}

/* One row is one allowed IP with its peer, or a peer without any. */
enum column {
	ID,
	NAME,
	PUBLIC_KEY,
	PRESHARED_KEY,
	HOST,
	PORT,
	KEEPALIVE,
	CREATED,
	RULES,
	ADDRESS,
	LENGTH
};

/* The peer whose rows are being read. */
struct reading {
	const char *tunnel;
	enum err (*take)(void *context, const struct store_peer *peer);
	void *context;
	bool any;
	sqlite3_int64 id;
	struct store_peer peer;
	char name[STORE_TEXT_MAX + 1], host[STORE_TEXT_MAX + 1], rules[STORE_RULES_MAX + 1];
	struct prefix prefixes[STORE_ALLOWED_IPS_MAX];
};

static enum err read_peer(sqlite3_stmt *row, struct reading *reading) {
	struct store_peer *peer = &reading->peer;
	*peer = (struct store_peer){
		.tunnel = reading->tunnel,
		.name = reading->name,
		.allowed_ips = reading->prefixes,
		.endpoint_port = (uint16_t)sqlite3_column_int(row, PORT),
		.persistent_keepalive = (uint16_t)sqlite3_column_int(row, KEEPALIVE),
		.created = (uint64_t)sqlite3_column_int64(row, CREATED),
	};
	enum err error = statement_read_text(row, NAME, STORE_TEXT_MAX, reading->name);
	if (!error)
		error = statement_read_key(row, PUBLIC_KEY, peer->public_key);
	peer->has_preshared_key = sqlite3_column_type(row, PRESHARED_KEY) != SQLITE_NULL;
	if (!error && peer->has_preshared_key)
		error = statement_read_key(row, PRESHARED_KEY, peer->preshared_key);
	if (!error && sqlite3_column_type(row, HOST) != SQLITE_NULL) {
		error = statement_read_text(row, HOST, STORE_TEXT_MAX, reading->host);
		peer->endpoint_name = reading->host;
	}
	if (!error && sqlite3_column_type(row, RULES) != SQLITE_NULL) {
		error = statement_read_text(row, RULES, STORE_RULES_MAX, reading->rules);
		peer->rules = reading->rules;
	}
	return error;
}

static enum err read_prefix(sqlite3_stmt *row, struct reading *reading) {
	if (sqlite3_column_type(row, ADDRESS) == SQLITE_NULL)
		return ERR_OK;
	const uint8_t *address = sqlite3_column_blob(row, ADDRESS);
	int size = sqlite3_column_bytes(row, ADDRESS), length = sqlite3_column_int(row, LENGTH);
	if (!address || (size != ADDRESS_V4_SIZE && size != ADDRESS_V6_SIZE) || length < 0 ||
		length > 8 * size || reading->peer.allowed_ip_count >= STORE_ALLOWED_IPS_MAX)
		return ERR_MALFORMED;
	struct prefix prefix = {
		.address = address_from_bytes(size == ADDRESS_V4_SIZE ? ADDRESS_V4 : ADDRESS_V6, address),
		.length = (uint8_t)length,
	};
	prefix_mask(&prefix);
	reading->prefixes[reading->peer.allowed_ip_count++] = prefix;
	return ERR_OK;
}

/* A peer is whole when the first row of the next one is there, or none. */
static enum err take_row(void *context, sqlite3_stmt *row) {
	struct reading *reading = context;
	sqlite3_int64 id = sqlite3_column_int64(row, ID);
	const bool is_next = !reading->any || id != reading->id;
	enum err error = ERR_OK;
	if (reading->any && is_next)
		error = reading->take(reading->context, &reading->peer);
	if (!error && is_next)
		error = read_peer(row, reading);
	reading->any = true;
	reading->id = id;
	return error ? error : read_prefix(row, reading);
}

enum err store_each_peer(struct store *store, const char *tunnel,
						 enum err (*take)(void *context, const struct store_peer *peer),
						 void *context) {
	sqlite3_stmt *statement;
	enum err error = statement_ready(
		store->database,
		"SELECT peer.id, name, public_key, preshared_key, endpoint_name, endpoint_port,"
		" persistent_keepalive, created, rules, address, allowed_ip.length"
		" FROM peer LEFT JOIN allowed_ip ON allowed_ip.peer = peer.id"
		" WHERE tunnel = ?1 ORDER BY peer.id, position",
		&store->each, &statement);
	if (error)
		return error;
	auto_free struct reading *reading = malloc(sizeof *reading);
	if (!reading)
		return ERR_NO_MEMORY;
	reading->tunnel = tunnel;
	reading->take = take;
	reading->context = context;
	reading->any = false;
	error = statement_each(statement, statement_bind_text(statement, 1, tunnel), take_row, reading);
	if (!error && reading->any)
		error = take(context, &reading->peer);
	wipe(reading, sizeof *reading);
	return error;
}

enum err store_set_down(struct store *store, const char *tunnel, bool down) {
	sqlite3_stmt *statement;
	enum err error = statement_ready(store->database,
									 down ? "INSERT OR IGNORE INTO tunnel_down VALUES (?1)"
										  : "DELETE FROM tunnel_down WHERE tunnel = ?1",
									 down ? &store->set_down : &store->set_up, &statement);
	return error ? error : statement_finish(statement, statement_bind_text(statement, 1, tunnel));
}

static enum err take_nothing(void *context, sqlite3_stmt *row) {
	(void)context;
	(void)row;
	return ERR_OK;
}

enum err store_get_down(struct store *store, const char *tunnel, bool *out_down) {
	sqlite3_stmt *statement;
	enum err error = statement_ready(store->database, "SELECT 1 FROM tunnel_down WHERE tunnel = ?1",
									 &store->get_down, &statement);
	if (error)
		return error;
	error = statement_one(statement, statement_bind_text(statement, 1, tunnel), take_nothing, NULL);
	if (error && error != ERR_NOT_FOUND)
		return error;
	*out_down = !error;
	return ERR_OK;
}
