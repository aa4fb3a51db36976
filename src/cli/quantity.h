#pragma once

#include <stdint.h>

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
