#pragma once

#include "base/error.h"

/*
 * Removes a table of ours ("inet", of this name), asking the kernel itself: also where nft was
 * never installed, and at once where there is no such table or no netfilter at all.
 */
enum err firewall_table_remove(const char *table);
