#pragma once

#include "base/error.h"
#include "daemon/sandbox_account.h"

/*
 * The folder of the store, below the state folder: the account of the control process owns it and
 * its files, as SQLite makes files beside the database; the state folder itself stays root's.
 * Files of versions that had no such folder are moved there. Logs why it failed. The state folder
 * is locked: no other process has the store open.
 */
enum err node_store_prepare(const char *state_dir, const struct sandbox_account *account);

/* Its path; as long as PATH_MAX at most. ERR_LIMIT. */
enum err node_store_path(const char *state_dir, char *out_path, size_t size);
