#pragma once

#include <sqlite3.h>

/* Inside of the store: its statements are prepared when they are needed first. */

enum {
	STORE_USERS_STATEMENTS = 13,
	STORE_LEASES_STATEMENTS = 9,
	STORE_TICKETS_STATEMENTS = 7,
};

struct store {
	sqlite3 *database;
	sqlite3_stmt *add_peer, *add_prefix, *remove_peer, *each, *set_down, *set_up, *get_down;
	sqlite3_stmt *add_seen, *each_seen, *trim_seen; /* store_seen.c */
	sqlite3_stmt *users[STORE_USERS_STATEMENTS];
	sqlite3_stmt *leases[STORE_LEASES_STATEMENTS];
	sqlite3_stmt *tickets[STORE_TICKETS_STATEMENTS];
};
