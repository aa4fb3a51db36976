#pragma once

#include "base/random.h"

/* The system's CSPRNG as an injectable source; thread-safe. Aborts if the system has no randomness.
 */
extern const struct random_source csprng;
