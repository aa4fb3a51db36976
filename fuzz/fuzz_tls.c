/*
 * A client and a server of crypto/tls.h with a carrier between them that belongs to somebody else.
 * Steps | what 1 | size 1 | move, change, make up and lose bytes, seal and close; a change takes a
 * byte more, what is made up takes size. What an end gives as plain is what the other has sealed,
 * from its first byte on; and where both think that they are connected, they are with each other.
 */
#include <stdint.h>
#include <string.h>

#include "crypto/tls_pair.h"
#include "wire/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEALED_MAX = 400000, PIECE_MAX = 65536 };

struct end {
	struct tls tls;
	struct tls_pair_sink got;
	uint8_t next; /* of the bytes it seals, which count up */
	size_t sealed, checked;
};

struct world {
	struct tls_server *server;
	struct tls_client *client;
};

/* Key and certificate are the same for all runs: making them takes longer than a run. */
static const struct world *world_get(void) {
	static struct world world;
	if (!world.server) {
		static struct certificate_pair pair;
		tls_pair_certificate(&pair);
		world.server = tls_pair_server(&pair);
		world.client = tls_pair_client(&pair);
	}
	return &world;
}

static void give(struct end *to, const uint8_t *bytes, size_t size) {
	enum err error = tls_pair_give(&to->tls, slice_of(bytes, size), &to->got);
	tls_pair_require(error != ERR_OK && error != ERR_NO_MEMORY && error != ERR_CRYPTO);
	struct tls_failure failure;
	tls_failure(&to->tls, &failure);
	tls_pair_require((tls_state(&to->tls) == TLS_FAILED) == (failure.fault != TLS_FAULT_NONE));
	tls_pair_require(failure.text != NULL);
	tls_pair_require(tls_outgoing(&to->tls).size <= 2 * TLS_OUTGOING_MAX);
}

/* Up to size bytes, the first of them changed by mask. */
static void move(struct end *from, struct end *to, size_t size, uint8_t mask) {
	struct slice outgoing = tls_outgoing(&from->tls);
	size = size < outgoing.size ? size : outgoing.size;
	if (size == 0)
		return;
	uint8_t *bytes = malloc(size);
	tls_pair_require(bytes != NULL);
	memcpy(bytes, outgoing.data, size);
	bytes[0] ^= mask;
	tls_sent(&from->tls, size);
	give(to, bytes, size);
	free(bytes);
}

static void seal(struct end *end, size_t size) {
	uint8_t bytes[PIECE_MAX];
	size_t taken = 0;
	size = end->sealed + size > SEALED_MAX ? 0 : size;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(end->next + i);
	if (tls_seal(&end->tls, bytes, size, &taken) == ERR_OK) {
		tls_pair_require(taken <= size);
		end->next = (uint8_t)(end->next + taken);
		end->sealed += taken;
	}
}

static void check_got(struct end *end, const struct end *other) {
	tls_pair_require(end->got.size <= other->sealed);
	for (; end->checked < end->got.size; end->checked++)
		tls_pair_require(end->got.bytes[end->checked] == (uint8_t)end->checked);
}

static void step(struct end *ends, uint8_t what, size_t size, struct reader *reader) {
	struct end *from = &ends[what >> 7], *to = &ends[!(what >> 7)];
	switch (what & 7) {
	case 0:
		move(from, to, size * 16 + 1, 0);
		return;
	case 1:
		move(from, to, size + 1, reader_u8(reader));
		return;
	case 2: {
		size_t left = reader_left(reader);
		struct slice made_up = reader_slice(reader, size < left ? size : left);
		if (made_up.size > 0)
			give(to, made_up.data, made_up.size);
		return;
	}
	case 3:
		tls_sent(&from->tls, size + 1);
		return;
	case 4:
		seal(from, size * 256);
		return;
	case 5:
		tls_close(&from->tls);
		return;
	default:
		tls_pair_pump(&ends[0].tls, &ends[1].tls, size * 8 + 1, &ends[0].got, &ends[1].got);
	}
}

static void check_together(struct end *ends) {
	uint8_t secrets[2][32];
	struct tls_facts facts[2];
	for (int i = 0; i < 2; i++) {
		tls_facts(&ends[i].tls, &facts[i]);
		if (tls_exporter(&ends[i].tls, "EXPORTER-x", secrets[i], sizeof secrets[i]))
			return;
	}
	tls_pair_require(memcmp(secrets[0], secrets[1], sizeof secrets[0]) == 0);
	tls_pair_require(strcmp(facts[0].protocol, facts[1].protocol) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const struct world *world = world_get();
	struct end ends[2] = {
		{.tls = tls_pair_connect(world->client, "vpn.example.org", slice_of(NULL, 0))}};
	tls_pair_require(!tls_server_accept(world->server, &ends[1].tls));
	struct reader reader = reader_of(data, size);
	while (reader_left(&reader) >= 2 && !reader.error) {
		uint8_t what = reader_u8(&reader), count = reader_u8(&reader);
		step(ends, what, count, &reader);
		check_got(&ends[0], &ends[1]);
		check_got(&ends[1], &ends[0]);
		check_together(ends);
	}
	for (int i = 0; i < 2; i++) {
		tls_done(&ends[i].tls);
		free(ends[i].got.bytes);
	}
	return 0;
}
