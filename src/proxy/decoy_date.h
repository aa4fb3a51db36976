#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* Dates of HTTP (RFC 9110 section 5.6.7): seconds since the Unix epoch and back. */

enum { DECOY_DATE_SIZE = 30 /* "Sun, 06 Nov 1994 08:49:37 GMT", with its NUL */ };

/* Beyond the year 9999: the first second of the epoch. */
void decoy_date_format(uint64_t seconds, char out_text[static DECOY_DATE_SIZE]);
/* All three forms. ERR_INVALID. */
enum err decoy_date_parse(struct slice text, uint64_t *out_seconds);
