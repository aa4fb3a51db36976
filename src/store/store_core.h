#pragma once

#include <sqlite3.h>

/* Inside of the store: its statements are prepared when they are needed first. */

struct store {
	sqlite3 *database;
	sqlite3_stmt *add_peer, *add_prefix, *remove_peer, *each, *set_down, *set_up, *get_down;
	sqlite3_stmt *add_seen, *each_seen, *trim_seen; /* store_seen.c */
};
