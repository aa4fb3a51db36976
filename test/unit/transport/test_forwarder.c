#include "wire/dns_messages.h"

#include <stdlib.h>

#include "base/clock.h"
#include "transport/dns/forwarder.h"

/* The forwarder on a clock of the test's own, with servers that the test plays. */

enum { SENT_MAX = 2048, DEFAULT_GROUP = 0, TUNNEL_GROUP = 1, LONELY_GROUP = 2 };

struct sent {
	uint32_t ticket; /* by TCP */
	size_t group, server, socket;
	struct dns_text bytes;
};

struct rig {
	struct forwarder *forwarder;
	uint64_t now;
	uint32_t seed;
	struct sent *asked;
	size_t asked_count;
	struct forwarder_client client; /* who got the last answer */
	struct dns_text answer;
	size_t answered, dropped;
	uint32_t grant_ticket, grant_ttl;
	struct forwarder_grant grant;
	size_t granted_addresses, grants;
	bool no_streams, no_grants;
};

static struct sent *note(struct rig *rig, size_t group, size_t server, const uint8_t *data,
						 size_t size) {
	assert_true(rig->asked_count < SENT_MAX);
	struct sent *sent = &rig->asked[rig->asked_count++];
	*sent = (struct sent){.group = group, .server = server};
	put(&sent->bytes, data, size);
	return sent;
}

static void ask(void *context, size_t group, size_t server, size_t socket, const uint8_t *data,
				size_t size) {
	note(context, group, server, data, size)->socket = socket;
}

static bool ask_stream(void *context, uint32_t ticket, size_t group, size_t server,
					   const uint8_t *data, size_t size) {
	struct rig *rig = context;
	if (rig->no_streams)
		return false;
	note(rig, group, server, data, size)->ticket = ticket;
	return true;
}

static void drop_stream(void *context, uint32_t ticket) {
	((struct rig *)context)->dropped++;
}

static void answer(void *context, const struct forwarder_client *client, const uint8_t *data,
				   size_t size) {
	struct rig *rig = context;
	rig->client = *client;
	rig->answer.size = 0;
	put(&rig->answer, data, size);
	rig->answered++;
}

static bool grant(void *context, uint32_t ticket, const struct forwarder_grant *wanted,
				  const struct address *addresses, size_t count, uint32_t ttl) {
	struct rig *rig = context;
	rig->grants++;
	rig->grant_ticket = ticket;
	rig->grant = *wanted;
	rig->granted_addresses = count;
	rig->grant_ttl = ttl;
	return !rig->no_grants;
}

/* Repeats itself, but is no constant. */
static void fill(void *context, void *out_data, size_t size) {
	struct rig *rig = context;
	uint8_t *bytes = out_data;
	for (size_t i = 0; i < size; i++) {
		rig->seed = rig->seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(rig->seed >> 24);
	}
}

static struct dns_name name_of(const char *text) {
	struct dns_name name = {.size = 1};
	if (text[0])
		assert_int_equal(dns_name_parse(text, &name), ERR_OK);
	return name;
}

static struct random_source source;

static int set_up(void **state) {
	static const struct forwarder_ops ops = {ask, ask_stream, drop_stream, answer, grant};
	static const struct forwarder_group groups[] = {{2, {4, 4}}, {1, {8}}, {0, {0}}};
	const struct forwarder_route routes[] = {{name_of(""), DEFAULT_GROUP},
											 {name_of("corp.example"), TUNNEL_GROUP},
											 {name_of("lonely.example"), LONELY_GROUP}};
	const struct forwarder_rule rules[] = {
		{name_of("inside.example"), {3, 0, true}},
		{name_of("out.inside.example"), {4, 1, false}},
	};
	struct rig *rig = calloc(1, sizeof *rig);
	rig->asked = calloc(SENT_MAX, sizeof *rig->asked);
	rig->now = 1000 * CLOCK_SECOND;
	source = (struct random_source){fill, rig};
	const struct forwarder_options options = {.ops = &ops,
											  .context = rig,
											  .random = &source,
											  .groups = groups,
											  .group_count = 3,
											  .routes = routes,
											  .route_count = 3,
											  .rules = rules,
											  .rule_count = 2};
	assert_int_equal(forwarder_new(&options, &rig->forwarder), ERR_OK);
	*state = rig;
	return 0;
}

static int tear_down(void **state) {
	struct rig *rig = *state;
	forwarder_free(rig->forwarder);
	free(rig->asked);
	free(rig);
	return 0;
}

static struct forwarder_client client_of(uint16_t port) {
	static const uint8_t local[] = {127, 0, 0, 1};
	return (struct forwarder_client){
		.from = {.address = address_from_bytes(ADDRESS_V4, local), .port = port}};
}

static struct dns_text query(struct rig *rig, const struct forwarder_client *client, unsigned id,
							 const char *name, unsigned type) {
	struct dns_text text = query_of(id, name, type);
	forwarder_query(rig->forwarder, rig->now, client, text.data, text.size);
	return text;
}

static struct sent *last(struct rig *rig) {
	assert_true(rig->asked_count > 0);
	return &rig->asked[rig->asked_count - 1];
}

static unsigned id_of(const struct dns_text *text) {
	return (unsigned)text->data[0] << 8 | text->data[1];
}

static unsigned rcode_of(const struct dns_text *text) {
	return text->data[3] & 15;
}

static void reply(struct rig *rig, const struct sent *to, const struct dns_text *text) {
	forwarder_answer(rig->forwarder, rig->now, to->group, to->server, to->socket, text->data,
					 text->size);
}

static struct dns_text address_answer(const struct sent *to, const char *name, uint8_t address) {
	struct dns_text text = answer_of(id_of(&to->bytes), name, DNS_TYPE_A, 1);
	put_a(&text, name, 300, address);
	return text;
}

static void test_forwards(void **state) {
	struct rig *rig = *state;
	const struct forwarder_client client = client_of(4000);
	struct dns_text sent = query(rig, &client, 77, "wWw.eXample", DNS_TYPE_A);
	assert_int_equal(rig->asked_count, 1);
	assert_int_equal(last(rig)->group, DEFAULT_GROUP);
	/* All but the id is as it came, letters as well. */
	assert_int_not_equal(id_of(&last(rig)->bytes), 77);
	assert_int_equal(last(rig)->bytes.size, sent.size);
	assert_memory_equal(last(rig)->bytes.data + 2, sent.data + 2, sent.size - 2);
	struct dns_text text = address_answer(last(rig), "wWw.eXample", 1);
	reply(rig, last(rig), &text);
	assert_int_equal(rig->answered, 1);
	assert_int_equal(rig->client.from.port, 4000);
	assert_int_equal(id_of(&rig->answer), 77);
	assert_memory_equal(rig->answer.data + 2, text.data + 2, text.size - 2);
	assert_int_equal(rig->grants, 0);
	/* Once. */
	reply(rig, last(rig), &text);
	assert_int_equal(rig->answered, 1);
	assert_int_equal(forwarder_figures(rig->forwarder)->strange, 1);
	assert_int_equal(forwarder_run(rig->forwarder, rig->now), CLOCK_NEVER);
}

static void test_routes(void **state) {
	struct rig *rig = *state;
	const struct forwarder_client client = client_of(4000);
	(void)query(rig, &client, 1, "a.corp.example", DNS_TYPE_A);
	assert_int_equal(last(rig)->group, TUNNEL_GROUP);
	(void)query(rig, &client, 2, "notcorp.example", DNS_TYPE_A);
	assert_int_equal(last(rig)->group, DEFAULT_GROUP);
	struct dns_text text = address_answer(last(rig), "notcorp.example", 1);
	reply(rig, last(rig), &text);
	(void)query(rig, &client, 3, "lonely.example", DNS_TYPE_A);
	assert_int_equal(rig->asked_count, 2);
	assert_int_equal(rcode_of(&rig->answer), DNS_RCODE_FAILED);
	/* Questions, answers and failures of each. */
	static const struct forwarder_group_figures expected[] = {
		[DEFAULT_GROUP] = {1, 1, 0}, [TUNNEL_GROUP] = {1, 0, 0}, [LONELY_GROUP] = {1, 1, 1}};
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_memory_equal(forwarder_group_figures(rig->forwarder, i), &expected[i],
							sizeof expected[i]);
}

static void test_strangers(void **state) {
	struct rig *rig = *state;
	const struct forwarder_client client = client_of(4000);
	(void)query(rig, &client, 1, "a.example", DNS_TYPE_A);
	const struct sent *to = last(rig);
	struct dns_text good = address_answer(to, "a.example", 1), bad = good;
	dns_set_id(bad.data, (uint16_t)(id_of(&good) + 1));
	reply(rig, to, &bad);
	bad = address_answer(to, "b.example", 1);
	reply(rig, to, &bad);
	bad = query_of(id_of(&good), "a.example", DNS_TYPE_A);
	reply(rig, to, &bad);
	bad = answer_of(id_of(&good), "a.example", DNS_TYPE_AAAA, 0);
	reply(rig, to, &bad);
	bad = good;
	bad.size = 11;
	reply(rig, to, &bad);
	/* From another server, another socket, another group. */
	forwarder_answer(rig->forwarder, rig->now, to->group, 1, to->socket, good.data, good.size);
	forwarder_answer(rig->forwarder, rig->now, to->group, 0, to->socket ^ 1, good.data, good.size);
	forwarder_answer(rig->forwarder, rig->now, TUNNEL_GROUP, 0, to->socket, good.data, good.size);
	assert_int_equal(rig->answered, 0);
	assert_int_equal(forwarder_figures(rig->forwarder)->strange, 8);
	reply(rig, to, &good);
	assert_int_equal(rig->answered, 1);
}

static void test_clients_of_elsewhere(void **state) {
	struct rig *rig = *state;
	struct forwarder_client client = client_of(4000);
	client.from.address.bytes[0] = 192;
	(void)query(rig, &client, 1, "a.example", DNS_TYPE_A);
	client = (struct forwarder_client){.from.address.family = ADDRESS_V6};
	(void)query(rig, &client, 1, "a.example", DNS_TYPE_A);
	assert_int_equal(rig->asked_count, 0);
	assert_int_equal(forwarder_figures(rig->forwarder)->refused, 2);
	client.from.address.bytes[15] = 1;
	(void)query(rig, &client, 1, "a.example", DNS_TYPE_A);
	assert_int_equal(rig->asked_count, 1);
}

static void test_bad_queries(void **state) {
	struct rig *rig = *state;
	const struct forwarder_client client = client_of(4000);
	struct dns_text text = answer_of(1, "a", DNS_TYPE_A, 0);
	forwarder_query(rig->forwarder, rig->now, &client, text.data, text.size);
	text = query_of(1, "a", DNS_TYPE_A);
	for (size_t size = 0; size < text.size; size++)
		forwarder_query(rig->forwarder, rig->now, &client, text.data, size);
	static uint8_t large[FORWARDER_QUERY_MAX + 1];
	memcpy(large, text.data, text.size);
	forwarder_query(rig->forwarder, rig->now, &client, large, sizeof large);
	assert_int_equal(rig->asked_count + rig->answered, 0);
}

/* The other server after two seconds, and so on, and then a failure. */
static void test_timeouts(void **state) {
	struct rig *rig = *state;
	const struct forwarder_client client = client_of(4000);
	(void)query(rig, &client, 9, "a.example", DNS_TYPE_A);
	struct dns_text late = address_answer(last(rig), "a.example", 1);
	const struct sent first = *last(rig);
	for (unsigned try = 1; try < FORWARDER_TRIES_MAX; try++) {
		assert_int_equal(forwarder_run(rig->forwarder, rig->now + FORWARDER_TIMEOUT - 1),
						 rig->now + FORWARDER_TIMEOUT);
		assert_int_equal(rig->asked_count, try);
		rig->now += FORWARDER_TIMEOUT;
		(void)forwarder_run(rig->forwarder, rig->now);
		assert_int_equal(rig->asked_count, try + 1);
		assert_int_equal(last(rig)->server, try % 2);
		assert_int_not_equal(id_of(&last(rig)->bytes), id_of(&rig->asked[try - 1].bytes));
	}
	/* The first server's answer comes too late: it was another question. */
	reply(rig, &first, &late);
	assert_int_equal(rig->answered, 0);
	rig->now += FORWARDER_TIMEOUT;
	assert_int_equal(forwarder_run(rig->forwarder, rig->now), CLOCK_NEVER);
	assert_int_equal(rig->answered, 1);
	assert_int_equal(id_of(&rig->answer), 9);
	assert_int_equal(rcode_of(&rig->answer), DNS_RCODE_FAILED);
}

static void test_useless_answers(void **state) {
	struct rig *rig = *state;
	const struct forwarder_client client = client_of(4000);
	(void)query(rig, &client, 9, "a.example", DNS_TYPE_A);
	for (size_t server = 0; server < 2; server++) {
		assert_int_equal(last(rig)->server, server);
		struct dns_text text = answer_of(id_of(&last(rig)->bytes), "a.example", DNS_TYPE_A, 0);
		text.data[3] |= DNS_RCODE_REFUSED;
		reply(rig, last(rig), &text);
	}
	assert_int_equal(rig->answered, 1);
	assert_int_equal(rcode_of(&rig->answer), DNS_RCODE_REFUSED);
	/* A server that is not there. */
	(void)query(rig, &client, 10, "b.example", DNS_TYPE_A);
	const struct sent to = *last(rig);
	forwarder_unreachable(rig->forwarder, rig->now, to.group, to.server, to.socket);
	(void)forwarder_run(rig->forwarder, rig->now);
	assert_int_equal(last(rig)->server, 1);
}

static void test_truncated(void **state) {
	struct rig *rig = *state;
	struct forwarder_client client = client_of(4000);
	(void)query(rig, &client, 5, "a.example", DNS_TYPE_A);
	struct dns_text text = address_answer(last(rig), "a.example", 1);
	text.data[2] |= 2;
	text.size -= 3; /* cut anywhere */
	reply(rig, last(rig), &text);
	assert_int_equal(rig->answered, 1);
	assert_int_equal(rig->answer.data[2] & 2, 2);
	assert_int_equal(rig->answer.data[7], 0);
	/* Again, by TCP. */
	client.stream = 8;
	(void)query(rig, &client, 6, "a.example", DNS_TYPE_A);
	uint32_t ticket = last(rig)->ticket;
	text = address_answer(last(rig), "a.example", 1);
	forwarder_stream_answered(rig->forwarder, rig->now, ticket + 1024, text.data, text.size);
	assert_int_equal(rig->answered, 1);
	forwarder_stream_answered(rig->forwarder, rig->now, ticket, text.data, text.size);
	assert_int_equal(rig->answered, 2);
	assert_int_equal(rig->client.stream, 8);
	assert_int_equal(id_of(&rig->answer), 6);
	assert_int_equal(rig->answer.size, text.size);
}

static void test_streams_fail(void **state) {
	struct rig *rig = *state;
	struct forwarder_client client = {.stream = 3};
	(void)query(rig, &client, 6, "a.example", DNS_TYPE_A);
	forwarder_stream_answered(rig->forwarder, rig->now, last(rig)->ticket, NULL, 0);
	assert_int_equal(rig->asked_count, 2);
	rig->now += FORWARDER_STREAM_TIMEOUT;
	(void)forwarder_run(rig->forwarder, rig->now);
	assert_int_equal(rig->asked_count, 3);
	assert_int_equal(rig->dropped, 1);
	forwarder_forget(rig->forwarder, 3);
	assert_int_equal(rig->dropped, 2);
	assert_int_equal(forwarder_run(rig->forwarder, rig->now), CLOCK_NEVER);
	rig->no_streams = true;
	(void)query(rig, &client, 7, "a.example", DNS_TYPE_A);
	assert_int_equal(rig->answered, 1);
	assert_int_equal(rcode_of(&rig->answer), DNS_RCODE_FAILED);
}

static void test_granted(void **state) {
	struct rig *rig = *state;
	const struct forwarder_client client = client_of(4000);
	(void)query(rig, &client, 5, "www.inside.example", DNS_TYPE_A);
	struct dns_text text = answer_of(id_of(&last(rig)->bytes), "www.inside.example", DNS_TYPE_A, 2);
	put_cname(&text, "www.inside.example", 20, "cdn.example");
	put_a(&text, "cdn.example", 300, 7);
	reply(rig, last(rig), &text);
	assert_int_equal(rig->answered, 0);
	assert_int_equal(rig->grants, 1);
	assert_int_equal(rig->grant.slot, 3);
	assert_int_equal(rig->granted_addresses, 1);
	assert_int_equal(rig->grant_ttl, 300);
	forwarder_granted(rig->forwarder, rig->now, rig->grant_ticket ^ 1, true);
	forwarder_granted(rig->forwarder, rig->now, rig->grant_ticket + 1024, true);
	assert_int_equal(rig->answered, 0);
	forwarder_granted(rig->forwarder, rig->now, rig->grant_ticket, true);
	assert_int_equal(rig->answered, 1);
	assert_memory_equal(rig->answer.data + 2, text.data + 2, text.size - 2);
	assert_int_equal(id_of(&rig->answer), 5);
	/* Without addresses there is nothing to grant. */
	(void)query(rig, &client, 6, "inside.example", DNS_TYPE_AAAA);
	text = answer_of(id_of(&last(rig)->bytes), "inside.example", DNS_TYPE_AAAA, 0);
	reply(rig, last(rig), &text);
	assert_int_equal(rig->answered, 2);
	assert_int_equal(rig->grants, 1);
}

/* What has to be granted is withheld; what need not be is not. */
static void test_not_granted(void **state) {
	static const char *const names[] = {"inside.example", "www.out.inside.example"};
	struct rig *rig = *state;
	const struct forwarder_client client = client_of(4000);
	for (unsigned i = 0; i < 6; i++) {
		const char *name = names[i % 2];
		unsigned expected = i % 2 ? DNS_RCODE_OK : DNS_RCODE_FAILED;
		rig->no_grants = i / 2 == 2;
		(void)query(rig, &client, i, name, DNS_TYPE_A);
		struct dns_text text = address_answer(last(rig), name, 7);
		reply(rig, last(rig), &text);
		assert_int_equal(rig->grant.slot, i % 2 ? 4 : 3);
		if (i / 2 == 0)
			forwarder_granted(rig->forwarder, rig->now, rig->grant_ticket, false);
		if (i / 2 == 1) {
			assert_int_equal(rig->answered, i);
			rig->now += FORWARDER_GRANT_TIMEOUT;
			(void)forwarder_run(rig->forwarder, rig->now);
		}
		assert_int_equal(rig->answered, i + 1);
		assert_int_equal(id_of(&rig->answer), i);
		assert_int_equal(rcode_of(&rig->answer), expected);
		assert_int_equal(rig->answer.size == text.size, expected == DNS_RCODE_OK);
	}
}

/* Names with rules: what cannot be understood is not passed on, and no other name is led to. */
static void test_dubious(void **state) {
	static const uint8_t alias[] = {0, 0, 3, 'c', 'd', 'n', 0};
	struct rig *rig = *state;
	const struct forwarder_client client = client_of(4000);
	(void)query(rig, &client, 1, "inside.example", DNS_TYPE_A);
	struct dns_text text = address_answer(last(rig), "inside.example", 7);
	text.size--;
	reply(rig, last(rig), &text);
	assert_int_equal(rcode_of(&rig->answer), DNS_RCODE_FAILED);
	(void)query(rig, &client, 2, "inside.example", DNS_TYPE_HTTPS);
	text = answer_of(id_of(&last(rig)->bytes), "inside.example", DNS_TYPE_HTTPS, 1);
	put_pointer(&text, DNS_HEADER_SIZE);
	put_record(&text, DNS_TYPE_HTTPS, 9, alias, sizeof alias);
	reply(rig, last(rig), &text);
	assert_int_equal(rig->answered, 2);
	assert_int_equal(rcode_of(&rig->answer), DNS_RCODE_OK);
	assert_int_equal(rig->answer.data[7], 0);
	/* Others' are none of our business. */
	(void)query(rig, &client, 3, "a.example", DNS_TYPE_HTTPS);
	text = answer_of(id_of(&last(rig)->bytes), "a.example", DNS_TYPE_HTTPS, 1);
	put_pointer(&text, DNS_HEADER_SIZE);
	put_record(&text, DNS_TYPE_HTTPS, 9, alias, sizeof alias);
	reply(rig, last(rig), &text);
	assert_int_equal(rig->answer.size, text.size);
}

static void test_overflow(void **state) {
	struct rig *rig = *state;
	struct forwarder_client client = client_of(1);
	for (unsigned i = 0; i < FORWARDER_CLIENT_MAX + 10; i++)
		(void)query(rig, &client, i, "a.example", DNS_TYPE_A);
	assert_int_equal(rig->asked_count, FORWARDER_CLIENT_MAX);
	assert_int_equal(rig->answered, 10);
	assert_int_equal(rcode_of(&rig->answer), DNS_RCODE_FAILED);
	for (uint16_t port = 2; rig->asked_count < FORWARDER_OUTSTANDING_MAX; port++) {
		client = client_of(port);
		for (unsigned i = 0; i < FORWARDER_CLIENT_MAX; i++)
			(void)query(rig, &client, i, "a.example", DNS_TYPE_A);
	}
	client = client_of(999);
	(void)query(rig, &client, 1, "a.example", DNS_TYPE_A);
	assert_int_equal(rig->asked_count, FORWARDER_OUTSTANDING_MAX);
	assert_int_equal(rig->answered, 11);
	/* Ids of the same socket are all different. */
	for (size_t i = 0; i < rig->asked_count; i++)
		for (size_t j = 0; j < i; j++)
			assert_false(rig->asked[i].server == rig->asked[j].server &&
						 rig->asked[i].socket == rig->asked[j].socket &&
						 id_of(&rig->asked[i].bytes) == id_of(&rig->asked[j].bytes));
	struct dns_text text = address_answer(last(rig), "a.example", 1);
	reply(rig, last(rig), &text);
	assert_int_equal(rig->answered, 12);
	(void)query(rig, &client, 1, "a.example", DNS_TYPE_A);
	assert_int_equal(rig->asked_count, FORWARDER_OUTSTANDING_MAX + 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forwards, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_routes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strangers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clients_of_elsewhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_queries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timeouts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_useless_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_truncated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_streams_fail, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_granted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_granted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dubious, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_overflow, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
