#pragma once

#include "bench/arrivals/arrival.h"

/* Clients of Mighty; a client's line is its PSK, in base64. */
extern const struct arrival_ops arrival_mighty;
