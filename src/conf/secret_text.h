#pragma once

#include <stddef.h>

#include "conf/secret_file.h"

/* Files that hold a text: what is wrong with one is told as of any that a configuration names. */

struct arena;

/* What is wrong with a text of *size bytes, whose end may be cut off; NULL when nothing is. */
typedef const char *secret_text_judge(const char *text, size_t *size);

/* PEM; of a list, that it has one of revoked certificates. */
secret_text_judge secret_text_certificates, secret_text_key, secret_text_list;
/* One line, whose end is cut off. */
secret_text_judge secret_text_password;

/* In the arena; NULL after a fault, or when memory ran out. maximum: bytes of what is left. */
const char *secret_text_read(struct arena *memory, const struct secret_file *file, size_t maximum,
							 secret_text_judge *judge);
