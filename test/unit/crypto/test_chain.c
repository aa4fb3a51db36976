#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../vectors/chain_vectors.h"
#include "crypto/authority_desk.h"
#include "crypto/chain.h"

/* What a handshake would carry: a chain of DER. */
struct sent {
	uint8_t *bytes;
	struct slice certificates[CHAIN_CERTIFICATES_MAX];
	size_t count;
};

static void send_all(struct sent *sent, const char *pem) {
	assert_int_equal(chain_read(slice_of_text(pem), &sent->bytes, sent->certificates, &sent->count),
					 ERR_OK);
}

static enum chain_fault verify(const struct chain_policy *policy, const char *pem,
							   struct chain_leaf *out_leaf) {
	struct sent sent;
	send_all(&sent, pem);
	memset(out_leaf, 0xee, sizeof *out_leaf);
	enum chain_fault fault = chain_verify(policy, sent.certificates, sent.count, out_leaf);
	if (fault)
		for (size_t i = 0; i < sizeof *out_leaf; i++)
			assert_int_equal(((uint8_t *)out_leaf)[i], 0xee);
	free(sent.bytes);
	return fault;
}

static struct chain_trust *trust_in(const char *authority, const char *list) {
	struct chain_trust *trust;
	assert_int_equal(chain_trust_new(slice_of_text(authority), slice_of_text(list), &trust),
					 ERR_OK);
	return trust;
}

static void test_server(void **state) {
	struct desk desk, other;
	desk_open(&desk, "Example");
	desk_open(&other, "Example");
	const struct certificate_pair server = desk_server(&desk, "vpn.example.org");
	const struct certificate_pair client = desk_client(&desk, "alice");
	struct certificate_facts facts;
	assert_int_equal(certificate_read(slice_of_text(server.certificate), &facts), ERR_OK);
	struct chain_trust *trust = trust_in(desk.own.certificate, "");
	struct chain_trust *others = trust_in(other.own.certificate, "");
	static const uint8_t wrong_pin[CERTIFICATE_PIN_SIZE] = {1};
	const char *name = "vpn.example.org";
	const struct {
		struct chain_policy policy;
		const char *pem;
		enum chain_fault fault;
	} rows[] = {
		{{trust, NULL, AUTHORITY_SERVER, name, DESK_NOW}, server.certificate, CHAIN_GOOD},
		{{trust, facts.pin, AUTHORITY_SERVER, name, DESK_NOW}, server.certificate, CHAIN_GOOD},
		{{NULL, facts.pin, AUTHORITY_SERVER, name, DESK_NOW}, server.certificate, CHAIN_GOOD},
		{{NULL, NULL, AUTHORITY_SERVER, name, DESK_NOW}, server.certificate, CHAIN_UNTRUSTED},
		{{others, NULL, AUTHORITY_SERVER, name, DESK_NOW}, server.certificate, CHAIN_UNTRUSTED},
		{{others, facts.pin, AUTHORITY_SERVER, name, DESK_NOW},
		 server.certificate,
		 CHAIN_UNTRUSTED},
		{{trust, wrong_pin, AUTHORITY_SERVER, name, DESK_NOW},
		 server.certificate,
		 CHAIN_NOT_PINNED},
		{{NULL, wrong_pin, AUTHORITY_SERVER, name, DESK_NOW}, server.certificate, CHAIN_NOT_PINNED},
		{{trust, NULL, AUTHORITY_SERVER, "vpn.example.net", DESK_NOW},
		 server.certificate,
		 CHAIN_WRONG_NAME},
		{{NULL, facts.pin, AUTHORITY_SERVER, "vpn.example.net", DESK_NOW},
		 server.certificate,
		 CHAIN_WRONG_NAME},
		{{trust, NULL, AUTHORITY_SERVER, name, DESK_NOW + 2000}, server.certificate, CHAIN_EXPIRED},
		{{NULL, facts.pin, AUTHORITY_SERVER, name, DESK_NOW + 2000},
		 server.certificate,
		 CHAIN_EXPIRED},
		{{trust, NULL, AUTHORITY_SERVER, name, DESK_BORN - 1}, server.certificate, CHAIN_EARLY},
		{{NULL, facts.pin, AUTHORITY_SERVER, name, DESK_BORN - 1}, server.certificate, CHAIN_EARLY},
		{{trust, NULL, AUTHORITY_CLIENT, NULL, DESK_NOW}, server.certificate, CHAIN_WRONG_USE},
		{{NULL, facts.pin, AUTHORITY_CLIENT, NULL, DESK_NOW}, server.certificate, CHAIN_WRONG_USE},
		{{trust, NULL, AUTHORITY_SERVER, name, DESK_NOW}, client.certificate, CHAIN_WRONG_USE},
		{{trust, NULL, AUTHORITY_SERVER, name, DESK_NOW}, desk.own.certificate, CHAIN_WRONG_USE},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct chain_leaf leaf;
		enum chain_fault fault = verify(&rows[i].policy, rows[i].pem, &leaf);
		if (fault != rows[i].fault)
			fail_msg("row %zu: it %s", i, chain_fault_text(fault));
		if (!fault)
			assert_memory_equal(leaf.pin, facts.pin, sizeof facts.pin);
	}
	chain_trust_free(others);
	chain_trust_free(trust);
	desk_close(&other);
	desk_close(&desk);
}

static void test_users(void **state) {
	static const char *const users[] = {"alice", "bob@example.org", "j\xc3\xbcrgen",
										"a@b,DNS:vpn.example.org"};
	struct desk desk;
	desk_open(&desk, "Example");
	struct chain_trust *trust = trust_in(desk.own.certificate, "");
	const struct chain_policy policy = {trust, NULL, AUTHORITY_CLIENT, NULL, DESK_NOW};
	for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
		struct chain_leaf leaf;
		const struct certificate_pair pair = desk_client(&desk, users[i]);
		assert_int_equal(verify(&policy, pair.certificate, &leaf), CHAIN_GOOD);
		assert_string_equal(leaf.user, users[i]);
		assert_false(certificate_covers(slice_of_text(pair.certificate), "vpn.example.org"));
	}
	chain_trust_free(trust);
	desk_close(&desk);
}

static void test_revoked(void **state) {
	struct desk desk, other;
	desk_open(&desk, "Example");
	desk_open(&other, "Other");
	const struct certificate_pair alice = desk_client(&desk, "alice"),
								  bob = desk_client(&desk, "bob"),
								  foreign = desk_client(&other, "eve");
	char *list = desk_revoke(&desk, NULL, &alice), *others = desk_revoke(&other, NULL, &foreign);
	struct chain_trust *trust = trust_in(desk.own.certificate, list);
	struct chain_trust *lost = trust_in(desk.own.certificate, others);
	struct chain_leaf leaf;
	struct chain_policy policy = {trust, NULL, AUTHORITY_CLIENT, NULL, DESK_NOW};
	assert_int_equal(verify(&policy, alice.certificate, &leaf), CHAIN_REVOKED);
	assert_int_equal(verify(&policy, bob.certificate, &leaf), CHAIN_GOOD);
	assert_string_equal(leaf.user, "bob");
	/* A list from the future, and none of the issuer's. */
	policy.now = DESK_NOW - 2 * AUTHORITY_SLACK;
	assert_int_equal(verify(&policy, bob.certificate, &leaf), CHAIN_GOOD);
	assert_int_equal(verify(&policy, alice.certificate, &leaf), CHAIN_REVOKED);
	policy.now = DESK_NOW - 2 * AUTHORITY_SLACK - 20;
	assert_int_equal(verify(&policy, bob.certificate, &leaf), CHAIN_LIST);
	policy = (struct chain_policy){lost, NULL, AUTHORITY_CLIENT, NULL, DESK_NOW};
	assert_int_equal(verify(&policy, bob.certificate, &leaf), CHAIN_LIST);
	chain_trust_free(lost);
	chain_trust_free(trust);
	free(others);
	free(list);
	desk_close(&other);
	desk_close(&desk);
}

/* Without the chain, by its mark: as a verification of it would say. */
static void test_mark(void **state) {
	struct desk desk, other;
	desk_open(&desk, "Example");
	desk_open(&other, "Other");
	const struct certificate_pair alice = desk_client(&desk, "alice"),
								  bob = desk_client(&desk, "bob"),
								  foreign = desk_client(&other, "eve");
	char *list = desk_revoke(&desk, NULL, &alice), *others = desk_revoke(&other, NULL, &foreign);
	char both[2 * CERTIFICATE_PEM_SIZE_MAX];
	strcpy(stpcpy(both, other.own.certificate), desk.own.certificate);
	struct chain_trust *plain = trust_in(desk.own.certificate, ""), *more = trust_in(both, "");
	struct chain_trust *listed = trust_in(both, list), *lost = trust_in(both, others);
	struct chain_trust *foreigners = trust_in(other.own.certificate, "");
	const struct chain_policy policy = {plain, NULL, AUTHORITY_CLIENT, NULL, DESK_NOW};
	struct chain_leaf leaf[2];
	assert_int_equal(verify(&policy, alice.certificate, &leaf[0]), CHAIN_GOOD);
	assert_int_equal(verify(&policy, bob.certificate, &leaf[1]), CHAIN_GOOD);
	assert_int_equal(leaf[0].mark.valid_until, DESK_NOW + 1000);
	const uint8_t *const pins[] = {leaf[0].pin, leaf[1].pin};
	const struct {
		const struct chain_trust *trust;
		int64_t now;
		enum chain_fault alice, bob;
		unsigned pin; /* one more than whose; 0: none */
	} rows[] = {
		{NULL, DESK_NOW + 1000, CHAIN_GOOD, CHAIN_NOT_PINNED, 1},
		{NULL, DESK_NOW + 1001, CHAIN_EXPIRED, CHAIN_NOT_PINNED, 1},
		{plain, DESK_NOW, CHAIN_NOT_PINNED, CHAIN_GOOD, 2},
		{listed, DESK_NOW, CHAIN_REVOKED, CHAIN_NOT_PINNED, 1},
		{foreigners, DESK_NOW, CHAIN_UNTRUSTED, CHAIN_UNTRUSTED, 1},
		{plain, DESK_NOW, CHAIN_GOOD, CHAIN_GOOD, 0},
		{more, DESK_NOW, CHAIN_GOOD, CHAIN_GOOD, 0},
		{listed, DESK_NOW, CHAIN_REVOKED, CHAIN_GOOD, 0},
		{lost, DESK_NOW, CHAIN_LIST, CHAIN_LIST, 0},
		{listed, DESK_NOW - 2 * AUTHORITY_SLACK, CHAIN_REVOKED, CHAIN_GOOD, 0},
		{listed, DESK_NOW - 2 * AUTHORITY_SLACK - 20, CHAIN_REVOKED, CHAIN_LIST, 0},
		{foreigners, DESK_NOW, CHAIN_UNTRUSTED, CHAIN_UNTRUSTED, 0},
		{NULL, DESK_NOW, CHAIN_UNTRUSTED, CHAIN_UNTRUSTED, 0},
		{plain, DESK_NOW + 1000, CHAIN_GOOD, CHAIN_GOOD, 0},
		{plain, DESK_NOW + 1001, CHAIN_EXPIRED, CHAIN_EXPIRED, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct chain_policy now = {rows[i].trust, rows[i].pin ? pins[rows[i].pin - 1] : NULL,
										 0, NULL, rows[i].now};
		assert_int_equal(chain_recheck(&now, &leaf[0].mark), rows[i].alice);
		assert_int_equal(chain_recheck(&now, &leaf[1].mark), rows[i].bob);
	}
	chain_trust_free(plain);
	chain_trust_free(more);
	chain_trust_free(listed);
	chain_trust_free(lost);
	chain_trust_free(foreigners);
	free(others);
	free(list);
	desk_close(&other);
	desk_close(&desk);
}

/* A chain made by another program: see chain_vectors.h. */
static void test_foreign(void **state) {
	static const char *const name = "vpn.example.org";
	struct chain_trust *trust = trust_in(chain_root, chain_list);
	struct chain_leaf leaf;
	const struct chain_policy policy = {trust, NULL, AUTHORITY_SERVER, name, CHAIN_VECTORS_NOW};
	assert_int_equal(verify(&policy, chain_server, &leaf), CHAIN_GOOD);
	assert_memory_equal(leaf.key, chain_server_key, sizeof leaf.key);
	assert_string_equal(leaf.user, "");
	const struct chain_policy clients = {trust, NULL, AUTHORITY_CLIENT, NULL, CHAIN_VECTORS_NOW};
	assert_int_equal(verify(&clients, chain_client, &leaf), CHAIN_GOOD);
	assert_string_equal(leaf.user, "alice@example.org");
	assert_int_equal(verify(&clients, chain_revoked, &leaf), CHAIN_REVOKED);
	assert_int_equal(verify(&clients, chain_nobody, &leaf), CHAIN_NO_USER);
	assert_int_equal(verify(&policy, chain_unmarked, &leaf), CHAIN_WRONG_USE);
	assert_int_equal(verify(&policy, chain_ecdsa, &leaf), CHAIN_NOT_ED25519);
	assert_int_equal(verify(&policy, chain_below_leaf, &leaf), CHAIN_UNTRUSTED);
	chain_trust_free(trust);
}

static void test_malformed(void **state) {
	struct desk desk;
	desk_open(&desk, "Example");
	const struct certificate_pair server = desk_server(&desk, "vpn.example.org");
	struct chain_trust *trust = trust_in(desk.own.certificate, "");
	const struct chain_policy policy = {trust, NULL, AUTHORITY_SERVER, "vpn.example.org", DESK_NOW};
	struct sent sent;
	send_all(&sent, server.certificate);
	struct slice many[CHAIN_CERTIFICATES_MAX + 1], whole = sent.certificates[0];
	for (size_t i = 0; i < sizeof many / sizeof *many; i++)
		many[i] = whole;
	struct chain_leaf leaf;
	assert_int_equal(chain_verify(&policy, many, 0, &leaf), CHAIN_MALFORMED);
	assert_int_equal(chain_verify(&policy, many, CHAIN_CERTIFICATES_MAX, &leaf), CHAIN_GOOD);
	assert_int_equal(chain_verify(&policy, many, CHAIN_CERTIFICATES_MAX + 1, &leaf),
					 CHAIN_MALFORMED);
	uint8_t *copy = malloc(whole.size + 1);
	assert_non_null(copy);
	memcpy(copy, whole.data, whole.size);
	copy[whole.size] = 0;
	/* Every cut, a byte too many, and every bit of the signature's last byte. */
	for (size_t size = 0; size < whole.size; size++) {
		const struct slice cut = slice_of(copy, size);
		assert_int_equal(chain_verify(&policy, &cut, 1, &leaf), CHAIN_MALFORMED);
	}
	const struct slice longer = slice_of(copy, whole.size + 1);
	assert_int_equal(chain_verify(&policy, &longer, 1, &leaf), CHAIN_MALFORMED);
	for (unsigned bit = 0; bit < 8; bit++) {
		copy[whole.size - 1] ^= (uint8_t)(1u << bit);
		const struct slice changed = slice_of(copy, whole.size);
		assert_int_equal(chain_verify(&policy, &changed, 1, &leaf), CHAIN_UNTRUSTED);
		copy[whole.size - 1] ^= (uint8_t)(1u << bit);
	}
	free(copy);
	free(sent.bytes);
	chain_trust_free(trust);
	desk_close(&desk);
}

static void test_texts(void **state) {
	static const char *const names[] = {"vpn.example.org"};
	const struct certificate_request self = {names, 1, DESK_BORN, DESK_END};
	struct certificate_pair plain;
	assert_int_equal(certificate_make(&self, &plain), ERR_OK);
	struct desk desk;
	desk_open(&desk, "Example");
	const struct certificate_pair server = desk_server(&desk, "vpn.example.org");
	const struct {
		const char *authorities, *lists;
	} rows[] = {
		{"", ""},
		{"nothing", ""},
		{plain.certificate, ""},
		{server.certificate, ""},
		{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ""},
		{desk.own.certificate, "nothing"},
		{desk.own.certificate, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct chain_trust *trust = NULL;
		if (chain_trust_new(slice_of_text(rows[i].authorities), slice_of_text(rows[i].lists),
							&trust) != ERR_MALFORMED)
			fail_msg("row %zu", i);
		assert_null(trust);
	}
	struct sent sent = {.bytes = NULL};
	assert_int_equal(
		chain_read(slice_of_text("nothing"), &sent.bytes, sent.certificates, &sent.count),
		ERR_MALFORMED);
	assert_null(sent.bytes);
	desk_close(&desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),  cmocka_unit_test(test_users),
		cmocka_unit_test(test_revoked), cmocka_unit_test(test_mark),
		cmocka_unit_test(test_foreign), cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
