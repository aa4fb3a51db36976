#pragma once

#include "base/error.h"

/*
 * The tables of the store and their versions. user_version of the file is the version of its
 * schema; each step of schema.c leads from one to the next and runs in one transaction.
 */

struct sqlite3;

enum {
	SCHEMA_VERSION = 5,
	SCHEMA_APPLICATION = 0x756d6272, /* "umbr": application_id of our files */
};

/*
 * Brings the file to SCHEMA_VERSION. ERR_UNSUPPORTED when it is of a newer one, ERR_WRONG_KIND when
 * it belongs to another program; otherwise as statement_error().
 */
enum err schema_migrate(struct sqlite3 *database);
