/*
 * Chains as handshakes carry them (length 2, DER), against an authority and its list: none that
 * the fuzzer makes up is good, and those of the seeds are.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../test/vectors/chain_vectors.h"
#include "crypto/chain.h"
#include "expect.h"

static struct chain_trust *trust;

/* Whether the leaf is byte for byte one that was issued for the use. */
static bool is_issued(const char *pem, struct slice leaf) {
	uint8_t *bytes;
	struct slice known[CHAIN_CERTIFICATES_MAX];
	size_t count;
	expect(chain_read(slice_of_text(pem), &bytes, known, &count) == ERR_OK);
	bool same = known[0].size == leaf.size && memcmp(known[0].data, leaf.data, leaf.size) == 0;
	free(bytes);
	return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice certificates[CHAIN_CERTIFICATES_MAX + 1];
	size_t count = 0;
	if (!trust)
		expect(chain_trust_new(slice_of_text(chain_root), slice_of_text(chain_list), &trust) ==
			   ERR_OK);
	while (size >= 2 && count <= CHAIN_CERTIFICATES_MAX) {
		size_t length = (size_t)data[0] << 8 | data[1];
		length = length > size - 2 ? size - 2 : length;
		certificates[count++] = slice_of(data + 2, length);
		data += 2 + length;
		size -= 2 + length;
	}
	const struct chain_policy server = {trust, NULL, AUTHORITY_SERVER, "vpn.example.org",
										CHAIN_VECTORS_NOW};
	const struct chain_policy client = {trust, NULL, AUTHORITY_CLIENT, NULL, CHAIN_VECTORS_NOW};
	struct chain_leaf leaf;
	if (chain_verify(&server, certificates, count, &leaf) == CHAIN_GOOD) {
		expect(is_issued(chain_server, certificates[0]));
		expect(memcmp(leaf.key, chain_server_key, sizeof leaf.key) == 0);
	}
	if (chain_verify(&client, certificates, count, &leaf) == CHAIN_GOOD) {
		expect(is_issued(chain_client, certificates[0]));
		expect(strcmp(leaf.user, "alice@example.org") == 0);
	}
	return 0;
}
