#pragma once

#include "base/error.h"

/*
 * SQLite's files by names relative to the current folder. Otherwise it makes a path of every name,
 * and a process may not be able to reach a folder by its path that it is in.
 */
#define HERE_NAME "umbra-here" /* of the sqlite3_vfs */

/* Once is enough. */
enum err here_register(void);
