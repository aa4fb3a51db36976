#pragma once

#include "base/error.h"

/*
 * libcurl for this process, with memory that is wiped before it is given back: bodies with keys
 * pass through its buffers.
 */

/* Counted: each is undone by one client_memory_done(). */
enum err client_memory_init(void);
void client_memory_done(void);
