#pragma once

#include <stdbool.h>

/* Whether AES is fast here: this processor has instructions for it. False where nobody can tell. */
bool processor_has_aes(void);
