#pragma once

/* SQLite's memory: what it frees is wiped, as preshared keys pass through its pages and rows. */

/* Once, before the first use of SQLite in this process; later calls do nothing. */
void memory_wiped(void);
