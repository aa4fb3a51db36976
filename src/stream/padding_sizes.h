#pragma once

#include "stream/padding.h"

/*
 * What a browser's bursts measured, for padding_init(): of requests, which an initiator sends, and
 * of answers. See test/vectors/make_padding_sizes.py.
 */
extern const struct padding_sizes padding_sizes_requests, padding_sizes_answers;
