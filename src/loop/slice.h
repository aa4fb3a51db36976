#pragma once

#include <stdint.h>

#include "base/error.h"

/*
 * Asks the scheduler to give the calling thread shorter turns, and so sooner ones, without a
 * greater share of the processor (EEVDF's slice, from Linux 6.12 on; older kernels take the request
 * and do nothing). nanoseconds: the kernel takes 0.1 to 100 ms. Threads that run under another
 * policy than the ordinary one are left alone: ERR_UNSUPPORTED.
 */
enum err slice_request(uint64_t nanoseconds);

/*
 * The calling thread does long work that nobody waits for at once: it is never put before a thread
 * that wakes up, and has the nice value, or its own where that is greater. Others are left alone:
 * ERR_UNSUPPORTED.
 */
enum err slice_give_way(int32_t nice);
