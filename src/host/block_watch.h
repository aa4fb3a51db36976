#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Tells when somebody takes rules or routes of block.h away, as systemd-networkd does with what it
 * did not make. */

/* A socket, not blocking, that is readable when there is news. The caller closes it. */
enum err block_watch_open(int *out_descriptor);
/* Reads all news; whether something of block.h was removed, or may have been. */
bool block_watch_read(int descriptor);
