#include "wire/checksum.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "base/address.h"
#include "wire/packet.h"

/*
 * Sums of 16-bit words modulo 2^16 - 1 may be taken of 32-bit words in the machine's order just as
 * well (RFC 1071 section 2): 2^16 is 1 there. Each lane of 64 bits adds such words, and loses no
 * carry for inputs up to 32 GiB.
 */
enum { LANES = 2, VECTOR_SIZE = LANES * sizeof(uint64_t), BLOCK_SIZE = 2 * VECTOR_SIZE };

typedef uint64_t lanes __attribute__((vector_size(VECTOR_SIZE)));

static inline lanes load_lanes(const uint8_t *data) {
	lanes vector;
	memcpy(&vector, data, sizeof vector);
	return vector;
}

static uint64_t halves(uint64_t word) {
	return (word & UINT32_MAX) + (word >> 32);
}

/* Four sums side by side, so that no add waits for the one before. */
static uint64_t add_blocks(const uint8_t *data, size_t count) {
	lanes low1 = {0}, high1 = {0}, low2 = {0}, high2 = {0};
	for (const uint8_t *end = data + count * BLOCK_SIZE; data < end; data += BLOCK_SIZE) {
		lanes first = load_lanes(data), second = load_lanes(data + VECTOR_SIZE);
		low1 += first & UINT32_MAX;
		high1 += first >> 32;
		low2 += second & UINT32_MAX;
		high2 += second >> 32;
	}
	lanes sum = low1 + high1 + low2 + high2;
	return sum[0] + sum[1];
}

/* The last bytes, fewer than a block. */
static uint64_t add_tail(const uint8_t *data, size_t size) {
	uint64_t sum = 0;
	for (; size >= sizeof(uint64_t); data += sizeof(uint64_t), size -= sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, data, sizeof word);
		sum += halves(word);
	}
	if (size & 4) {
		uint32_t word;
		memcpy(&word, data, sizeof word);
		sum += word;
		data += sizeof word;
	}
	if (size & 2) {
		uint16_t word;
		memcpy(&word, data, sizeof word);
		sum += word;
		data += sizeof word;
	}
	if (size & 1)
		sum += htobe16((uint16_t)(*data << 8));
	return sum;
}

static uint64_t add_with_carry(uint64_t left, uint64_t right) {
	uint64_t sum;
	bool carry = __builtin_add_overflow(left, right, &sum);
	return sum + carry;
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t size) {
	const uint8_t *bytes = data;
	size_t blocks = size / BLOCK_SIZE;
	if (blocks > 0) {
		sum = add_with_carry(sum, add_blocks(bytes, blocks));
		bytes += blocks * BLOCK_SIZE;
	}
	return add_with_carry(sum, add_tail(bytes, size % BLOCK_SIZE));
}

uint16_t checksum_fold(uint64_t sum) {
	sum = halves(sum);
	sum = halves(sum);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, size_t upper_size) {
	/* IPv4's length field of 16 bits adds up to the same as IPv6's of 32. */
	uint64_t sum = (uint64_t)htobe32((uint32_t)upper_size) + htobe32(protocol);
	if (ip[0] >> 4 == 4)
		return checksum_add(sum, ip + PACKET_V4_ADDRESSES, 2 * ADDRESS_V4_SIZE);
	return checksum_add(sum, ip + PACKET_V6_ADDRESSES, 2 * ADDRESS_V6_SIZE);
}
