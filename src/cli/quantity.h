#pragma once

#include <stdint.h>

#include "base/error.h"

/* Numbers for people. Every text fits and is written whole. */

enum { QUANTITY_SIZE = 64 };

/* "0 B", "148 B", "1.45 KiB", "12.30 GiB"; truncated, so it never says more than there was. */
void quantity_bytes(uint64_t bytes, char out_text[static QUANTITY_SIZE]);

/* The two largest units: "1 minute, 3 seconds", "2 days, 5 hours", "0 seconds". */
void quantity_duration(uint64_t seconds, char out_text[static QUANTITY_SIZE]);

/* "1 minute, 3 seconds ago", "now", "never" for 0; times in seconds since the Unix epoch. */
void quantity_ago(uint64_t now, uint64_t time, char out_text[static QUANTITY_SIZE]);

/* Milliseconds since the Unix epoch as local time: "2026-11-21 13:05:18.123". */
void quantity_time(uint64_t milliseconds, char out_text[static QUANTITY_SIZE]);

/* Seconds since the Unix epoch, local: "2026-12-31 23:59". */
void quantity_date(uint64_t seconds, char out_text[static QUANTITY_SIZE]);

/*
 * Bytes as people write them: "1500", "500K", "10G", "1.5GiB", in powers of 1024 as
 * quantity_bytes() has them. ERR_INVALID, and ERR_LIMIT beyond 63 bits.
 */
enum err quantity_parse_bytes(const char *text, uint64_t *out_bytes);

/*
 * A time to come as people write it, in seconds since the Unix epoch: "2026-12-31", which is that
 * day's last second here, "2026-12-31 18:00", or "+30d" from now on, also with h and w.
 * ERR_INVALID. It may be past.
 */
enum err quantity_parse_date(const char *text, uint64_t now, uint64_t *out_seconds);
