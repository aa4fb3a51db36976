#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/stream_core.h"

#define KEY_A "0101010101010101010101010101010101010101010101010101010101010101"
#define KEY_B "0202020202020202020202020202020202020202020202020202020202020202"
#define OPTIONS(streams)                                                                        \
	"streams=1\nrole=server\nprivate_key=" KEY_A "\nshaping=0\ncookie=session\npath=/\n"        \
	"listener=carrier 127.0.0.1:443\ncertificates=QQ\ncertificate_key=QQ\nstreams_max=" streams \
	"\notherwise=allow\n"

/* A server that notes what is done to it. */
struct stream_tunnel {
	struct stream_tunnel_start start;
	struct stream_options options;
	unsigned sets, changes, removals, seen, admitted, networks, links;
	uint8_t last_seen[8];
};

static struct stream_tunnel *made;
static unsigned alive;
static enum err refusal;

static enum err make(const struct stream_tunnel_start *start, struct stream_options *options,
					 struct stream_tunnel **out_tunnel) {
	if (refusal)
		return refusal;
	*out_tunnel = made = calloc(1, sizeof *made);
	assert_non_null(made);
	made->start = *start;
	made->options = *options;
	*options = (struct stream_options){.role = STREAM_SERVER};
	alive++;
	return ERR_OK;
}

static void unmake(struct stream_tunnel *tunnel) {
	for (size_t i = 0; i < tunnel->start.listener_count; i++)
		assert_int_equal(close(tunnel->start.listeners[i]), 0);
	stream_options_done(&tunnel->options);
	free(tunnel);
	alive--;
}

static enum err set_options(struct stream_tunnel *tunnel, struct stream_options *options) {
	if (refusal)
		return refusal;
	stream_options_done(&tunnel->options);
	tunnel->options = *options;
	*options = (struct stream_options){.role = STREAM_SERVER};
	tunnel->sets++;
	return ERR_OK;
}

static void change(struct stream_tunnel *tunnel) {
	tunnel->changes++;
}

static void remove_peer(struct stream_tunnel *tunnel, struct stream_peer *peer) {
	tunnel->removals++;
}

static enum err take_seen(struct stream_tunnel *tunnel, struct slice entry) {
	tunnel->seen++;
	memcpy(tunnel->last_seen, entry.data, entry.size < 8 ? entry.size : 8);
	return entry.data[0] == 9 ? ERR_LIMIT : ERR_OK;
}

static void admit(struct stream_tunnel *tunnel) {
	tunnel->admitted++;
}

static void network(struct stream_tunnel *tunnel) {
	tunnel->networks++;
}

static void change_link(struct stream_tunnel *tunnel) {
	tunnel->links++;
}

static void put_status(struct stream_tunnel *tunnel, struct uapi_text *out_text) {
	uapi_put_number(out_text, "sets", tunnel->sets);
}

static const struct stream_tunnel_ops ops = {
	.new = make,
	.free = unmake,
	.set = set_options,
	.peers = change,
	.removed = remove_peer,
	.seen = take_seen,
	.admit = admit,
	.network = network,
	.link = change_link,
	.status = put_status,
};

static const struct stream_host host = {.prefix = "t: "};

static int open_core(void **state) {
	int listener = dup(0);
	const struct stream_core_start start = {
		.host = &host, .server = &ops, .listeners = &listener, .listener_count = 1, .queue = -1};
	log_init(LOG_SILENT, "test");
	made = NULL;
	refusal = ERR_OK;
	return stream_core_new(&start, (struct stream_core **)state) ? -1 : 0;
}

static int close_core(void **state) {
	stream_core_free(*state);
	return alive == 0 ? 0 : -1;
}

static int set(struct stream_core *core, const char *text) {
	return stream_core_set(core, slice_of_text(text));
}

static void test_made_by_the_first_options(void **state) {
	struct stream_core *core = *state;
	assert_int_equal(set(core, "public_key=" KEY_B "\nname=b\n"), 0);
	assert_null(made);
	assert_int_equal(set(core, "admit=1\n"), EINVAL);
	struct uapi_text text = {.data = NULL};
	stream_core_status(core, &text);
	assert_int_equal(text.size, 0);
	assert_int_equal(set(core, OPTIONS("7")), 0);
	assert_non_null(made);
	assert_int_equal(made->options.streams_max, 7);
	assert_int_equal(stream_peers_count(made->start.peers), 1);
	stream_core_status(core, &text);
	assert_int_equal(text.size, strlen("sets=0\n"));
	uapi_text_done(&text);
}

/* Also where it has its listeners already: what was wrong may be right the next time. */
static void test_refused_options(void **state) {
	struct stream_core *core = *state;
	refusal = ERR_INVALID;
	assert_int_equal(set(core, OPTIONS("7")), EINVAL);
	assert_int_equal(set(core, "streams=1\nnonsense=1\n"), EINVAL);
	assert_null(made);
	refusal = ERR_OK;
	/* Another number of listeners than came along. */
	assert_int_equal(set(core, OPTIONS("7") "listener=carrier 127.0.0.1:444\n"), EINVAL);
	assert_int_equal(set(core, OPTIONS("7")), 0);
	refusal = ERR_INVALID;
	assert_int_equal(set(core, OPTIONS("8")), EINVAL);
	assert_int_equal(made->options.streams_max, 7);
	refusal = ERR_OK;
	assert_int_equal(set(core, OPTIONS("8")), 0);
	assert_int_equal(made->options.streams_max, 8);
	assert_int_equal(made->sets, 1);
}

static void test_peers(void **state) {
	struct stream_core *core = *state;
	assert_int_equal(set(core, OPTIONS("7") "public_key=" KEY_A "\npublic_key=" KEY_B "\n"), 0);
	assert_int_equal(made->changes, 1);
	assert_int_equal(stream_peers_count(made->start.peers), 2);
	assert_int_equal(set(core, "public_key=" KEY_B "\nremove=true\n"), 0);
	assert_int_equal(made->removals, 1);
	assert_int_equal(set(core, "public_key=nonsense\n"), EINVAL);
	assert_int_equal(made->changes, 2);
}

/* Neither is taken where the other is refused. */
static void test_all_or_nothing(void **state) {
	struct stream_core *core = *state;
	struct uapi_text before = {.data = NULL}, after = {.data = NULL};
	assert_int_equal(set(core, OPTIONS("7") "public_key=nonsense\n"), EINVAL);
	assert_null(made);
	assert_int_equal(set(core, OPTIONS("7") "public_key=" KEY_A "\nname=a\n"), 0);
	stream_core_save(core, &before);
	assert_int_equal(set(core, OPTIONS("8") "public_key=" KEY_A "\nname=b\nrule=nonsense\n"),
					 EINVAL);
	assert_int_equal(made->options.streams_max, 7);
	refusal = ERR_INVALID;
	assert_int_equal(set(core, OPTIONS("8") "public_key=" KEY_A "\nname=b\npublic_key=" KEY_B "\n"),
					 EINVAL);
	assert_int_equal(stream_peers_count(made->start.peers), 1);
	assert_int_equal(made->changes, 1);
	stream_core_save(core, &after);
	assert_int_equal(after.size, before.size);
	assert_memory_equal(after.data, before.data, before.size);
	uapi_text_done(&before);
	uapi_text_done(&after);
}

static void test_recollections(void **state) {
	struct stream_core *core = *state;
	assert_int_equal(set(core, OPTIONS("7")), 0);
	assert_int_equal(set(core, "seen=AAEC\nseen=CQgH\n"), 0);
	assert_int_equal(made->seen, 2);
	assert_memory_equal(made->last_seen, ((uint8_t[]){9, 8, 7}), 3);
	assert_int_equal(made->admitted, 0);
	assert_int_equal(set(core, "seen=AAEC\nadmit=1\n"), 0);
	assert_int_equal(made->admitted, 1);
	assert_int_equal(set(core, "seen=CQgH\nadmit=1\n"), 0);
	assert_int_equal(made->admitted, 2);
	assert_int_equal(set(core, "seen=!\nadmit=1\n"), EINVAL);
	assert_int_equal(made->admitted, 2);
	assert_int_equal(set(core, "seen=AAEC\npublic_key=" KEY_A "\n"), EINVAL);
	assert_true(stream_core_is_recollection(slice_of_text("admit=1\n")));
	assert_false(stream_core_is_recollection(slice_of_text("public_key=" KEY_A "\n")));
	assert_false(stream_core_is_recollection(slice_of_text("")));
}

/* What is saved makes another one the same. */
static void test_saved(void **state) {
	struct stream_core *core = *state;
	struct uapi_text first = {.data = NULL}, second = {.data = NULL};
	assert_int_equal(set(core, OPTIONS("7") "public_key=" KEY_A "\nname=alice\n"
											"endpoint=192.0.2.1:443\nallowed_ip=10.0.0.2/32\n"
											"rule=allow 10.1.0.0/16 tcp 22\n"),
					 0);
	assert_int_equal(set(core, OPTIONS("9") "public_key=" KEY_B "\n"), 0);
	assert_int_equal(set(core, "seen=AAEC\nadmit=1\n"), 0);
	stream_core_save(core, &first);
	assert_int_equal(first.error, ERR_OK);
	stream_core_free(core);
	assert_int_equal(open_core(state), 0);
	core = *state;
	assert_int_equal(stream_core_set(core, slice_of(first.data, first.size)), 0);
	assert_int_equal(made->options.streams_max, 9);
	assert_int_equal(made->admitted, 0);
	const struct stream_peer *alice = stream_peers_find(
		made->start.peers, (uint8_t[32]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
										 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
	assert_non_null(alice);
	assert_string_equal(alice->name, "alice");
	assert_int_equal(alice->endpoint.port, 443);
	assert_int_equal(alice->allowed_ip_count, 1);
	assert_int_equal(alice->rule_count, 1);
	stream_core_save(core, &second);
	assert_int_equal(second.size, first.size);
	assert_memory_equal(second.data, first.data, first.size);
	uapi_text_done(&first);
	uapi_text_done(&second);
}

static void test_news_of_the_host(void **state) {
	struct stream_core *core = *state;
	stream_core_link(core);
	stream_core_network(core);
	assert_int_equal(set(core, OPTIONS("7")), 0);
	stream_core_link(core);
	stream_core_network(core);
	assert_int_equal(made->links, 1);
	assert_int_equal(made->networks, 1);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_core, close_core)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_made_by_the_first_options),
		row(test_refused_options),
		row(test_peers),
		row(test_all_or_nothing),
		row(test_recollections),
		row(test_saved),
		row(test_news_of_the_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
