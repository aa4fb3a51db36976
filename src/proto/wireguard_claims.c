#include "proto/wireguard_claims.h"

#include "wire/cursor.h"

void wireguard_claims_set_timestamp(struct wireguard_claims *claims,
									const uint8_t timestamp[static WIREGUARD_TIMESTAMP_SIZE]) {
	struct reader reader = reader_of(timestamp, WIREGUARD_TIMESTAMP_SIZE);
	uint64_t high = reader_u64_be(&reader);
	uint32_t low = reader_u32_be(&reader);
	atomic_store_explicit(&claims->timestamp_high, high, memory_order_relaxed);
	atomic_store_explicit(&claims->timestamp_low, low, memory_order_relaxed);
}

void wireguard_claims_read_timestamp(const struct wireguard_claims *claims,
									 uint8_t out_timestamp[static WIREGUARD_TIMESTAMP_SIZE]) {
	struct writer writer = writer_of(out_timestamp, WIREGUARD_TIMESTAMP_SIZE);
	writer_u64_be(&writer, atomic_load_explicit(&claims->timestamp_high, memory_order_relaxed));
	writer_u32_be(&writer, atomic_load_explicit(&claims->timestamp_low, memory_order_relaxed));
}
