/* Made by test/vectors/make_padding_sizes.py, of 253 connections. */
#include "stream/padding_sizes.h"

/* clang-format off */
/* Of 1,368 bursts. */
static const uint16_t requests[] = {
	9, 9, 9, 9, 9, 13, 46, 60, 62, 62, 70, 93, 93, 94, 94, 101, 101, 159, 174, 271, 271,
	373, 445, 470, 527, 533, 537, 541, 546, 551, 608, 886, 964,
};

/* Of 1,398 bursts. */
static const uint16_t answers[] = {
	57, 129, 129, 129, 129, 129, 129, 194, 194, 194, 275, 275, 2071, 2094, 3342, 3545, 4929,
	4929, 9290, 10820, 12823, 14841, 14841, 16384, 16384, 16384, 16384, 16384, 16384, 16384,
	16384, 16384, 16384,
};

const struct padding_sizes padding_sizes_requests = {requests, sizeof requests / 2};
const struct padding_sizes padding_sizes_answers = {answers, sizeof answers / 2};
