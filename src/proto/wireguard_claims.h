#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "wire/wireguard.h"

/*
 * What either end's initiations claimed of their times: the owner shard writes it, the control
 * thread keeps it in the journal. Two words of two timestamps, read at once, are no more than one
 * handshake wrong, and are followed by news.
 */
struct wireguard_claims {
	_Atomic uint64_t timestamp_high; /* of the peer's last timestamp */
	_Atomic uint64_t claimed;        /* the wall clock in ns, by our last initiation */
	_Atomic uint32_t timestamp_low;
};

void wireguard_claims_set_timestamp(struct wireguard_claims *claims,
									const uint8_t timestamp[static WIREGUARD_TIMESTAMP_SIZE]);
void wireguard_claims_read_timestamp(const struct wireguard_claims *claims,
									 uint8_t out_timestamp[static WIREGUARD_TIMESTAMP_SIZE]);
