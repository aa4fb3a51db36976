#pragma once

#include <stddef.h>
#include <stdint.h>

/* The bytes (1..4) of the code point that text begins with; 0 when it is no UTF-8 (RFC 3629). */
size_t utf8_next(const char *text, uint32_t *out_point);
