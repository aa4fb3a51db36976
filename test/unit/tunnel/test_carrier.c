#include "carrier_pair.h"

#include "stream/cipher.h"
#include "stream/window.h"
#include "wire/stream_settings.h"

/* Streams over two carriers: an asking user near, one that echoes far. */

enum { BULK = 8 << 20 };

/* Sends bytes and expects them back. */
struct asker {
	struct stream_user user;
	struct carrier_pair *pair;
	struct mux_stream *stream;
	const uint8_t *bytes;
	size_t size, sent, received;
	unsigned connected, closed;
	uint32_t error;
};

/* Gives back what comes. One each stream, never freed before the scene. */
struct echo {
	struct stream_user user;
	struct mux_stream *stream;
	unsigned closed;
	uint32_t error;
};

struct scene {
	struct carrier_pair *pair;
	struct asker askers[32];
	size_t asker_count;
	struct echo echoes[32];
	size_t echo_count;
	enum stream_error refusal;
	bool is_silent; /* echoes read nothing */
	uint8_t *bulk;
};

static void asker_write(struct asker *asker) {
	asker->sent +=
		mux_stream_write(asker->stream, asker->bytes + asker->sent, asker->size - asker->sent);
	if (asker->sent == asker->size)
		mux_stream_end(asker->stream);
}

static void asker_connected(struct stream_user *user) {
	((struct asker *)user)->connected++;
}

static void asker_readable(struct stream_user *user) {
	struct asker *asker = (struct asker *)user;
	struct slice bytes;
	while ((bytes = mux_stream_peek(asker->stream)).size > 0) {
		assert_true(asker->received + bytes.size <= asker->size);
		assert_memory_equal(bytes.data, asker->bytes + asker->received, bytes.size);
		asker->received += bytes.size;
		mux_stream_consume(asker->stream, bytes.size);
	}
}

static void asker_writable(struct stream_user *user) {
	asker_write((struct asker *)user);
}

static void asker_closed(struct stream_user *user, uint32_t error) {
	struct asker *asker = (struct asker *)user;
	asker->closed++;
	asker->error = error;
	control_loop_stop(asker->pair->host.loop);
}

static const struct stream_user_ops asker_ops = {
	.connected = asker_connected,
	.readable = asker_readable,
	.writable = asker_writable,
	.closed = asker_closed,
};

static void echo_go_on(struct stream_user *user) {
	struct echo *echo = (struct echo *)user;
	struct slice bytes;
	while ((bytes = mux_stream_peek(echo->stream)).size > 0) {
		size_t taken = mux_stream_write(echo->stream, bytes.data, bytes.size);
		mux_stream_consume(echo->stream, taken);
		if (taken < bytes.size)
			return;
	}
	if (mux_stream_is_at_end(echo->stream))
		mux_stream_end(echo->stream);
}

static void echo_closed(struct stream_user *user, uint32_t error) {
	struct echo *echo = (struct echo *)user;
	echo->closed++;
	echo->error = error;
}

static void echo_ignore(struct stream_user *user) {
}

static const struct stream_user_ops echo_ops = {
	.readable = echo_go_on,
	.writable = echo_go_on,
	.closed = echo_closed,
};
static const struct stream_user_ops silent_ops = {
	.readable = echo_ignore,
	.writable = echo_ignore,
	.closed = echo_closed,
};

static enum stream_error on_opened(void *context, struct mux_stream *stream,
								   const struct target *target) {
	struct scene *scene = context;
	assert_string_equal(target->name, "example.com");
	if (scene->refusal != STREAM_ERROR_NONE)
		return scene->refusal;
	struct echo *echo = &scene->echoes[scene->echo_count++];
	*echo = (struct echo){.user.ops = scene->is_silent ? &silent_ops : &echo_ops, .stream = stream};
	mux_stream_set_owner(stream, &echo->user);
	mux_stream_connected(stream);
	return STREAM_ERROR_NONE;
}

static struct asker *ask(struct scene *scene, const void *bytes, size_t size) {
	struct asker *asker = &scene->askers[scene->asker_count++];
	struct target target;
	assert_int_equal(target_parse("example.com", 443, false, &target), ERR_OK);
	*asker =
		(struct asker){.user.ops = &asker_ops, .pair = scene->pair, .bytes = bytes, .size = size};
	struct carrier *carrier = scene->pair->near.carrier;
	assert_int_equal(mux_stream_open(carrier_mux(carrier), &target, &asker->user, &asker->stream),
					 ERR_OK);
	asker_write(asker);
	carrier_touch(carrier);
	return asker;
}

static void run_until_closed(struct asker *asker) {
	while (asker->closed == 0)
		control_loop_run(asker->pair->host.loop);
}

static int set_up(void **state) {
	struct scene *scene = calloc(1, sizeof *scene);
	assert_non_null(scene);
	scene->pair = carrier_pair_new();
	scene->pair->opened = on_opened;
	scene->pair->context = scene;
	scene->bulk = malloc(BULK);
	assert_non_null(scene->bulk);
	for (size_t i = 0; i < BULK; i++)
		scene->bulk[i] = (uint8_t)(i * 31 + (i >> 8) + (i >> 16));
	*state = scene;
	return 0;
}

static int tear_down(void **state) {
	struct scene *scene = *state;
	carrier_pair_free(scene->pair);
	free(scene->bulk);
	free(scene);
	return 0;
}

static void join(struct scene *scene, uint8_t shaping) {
	carrier_pair_join(scene->pair, shaping, slice_of(NULL, 0));
}

static void a_question_and_its_answer(void **state) {
	struct scene *scene = *state;
	join(scene, STREAM_SHAPING_NONE);
	struct asker *asker = ask(scene, "question", 8);
	run_until_closed(asker);
	assert_int_equal(asker->connected, 1);
	assert_int_equal(asker->received, 8);
	assert_int_equal(asker->error, STREAM_ERROR_NONE);
	struct carrier_figures near, far;
	carrier_pair_run_for(scene->pair, 20);
	carrier_figures(scene->pair->near.carrier, &near);
	carrier_figures(scene->pair->far.carrier, &far);
	assert_int_equal(near.streams, 0);
	assert_int_equal(far.streams, 0);
	assert_true(near.sent == far.received && far.sent == near.received);
	/* OPEN, DATA, CLOSE: 25 bytes each beside what is in them */
	assert_int_equal(near.sent, 3 * 25 + 15 + 8);
	assert_true(near.opened_at > 0);
}

enum { QUESTIONS = 4 };

/* What the initiator wants of shaping, the other end does too; what hides more, it does anyway. */
static void profile_of(struct scene *scene, uint8_t near, uint8_t far) {
	struct stream_keys keys;
	carrier_pair_keys(true, &keys);
	carrier_pair_carry(&scene->pair->near, &keys, near, slice_of(NULL, 0));
	carrier_pair_keys(false, &keys);
	carrier_pair_carry(&scene->pair->far, &keys, far, slice_of(NULL, 0));
	for (unsigned i = 0; i < QUESTIONS; i++)
		run_until_closed(ask(scene, "question", 8));
	carrier_pair_run_for(scene->pair, 20);
}

enum {
	PLAIN = QUESTIONS * (3 * 25 + 15 + 8), /* OPEN, DATA and an end, as they are */
	PADDED = QUESTIONS * 3 * (18 + 64),    /* to 64 bytes each, and no more */
};

static uint64_t sent_by(const struct carrier_end *end) {
	struct carrier_figures figures;
	carrier_figures(end->carrier, &figures);
	return figures.sent;
}

static void shaped_as_the_initiator_wants(void **state) {
	struct scene *scene = *state;
	profile_of(scene, STREAM_SHAPING_PERFORMANCE, STREAM_SHAPING_NONE);
	assert_int_equal(sent_by(&scene->pair->far), PADDED);
	assert_int_equal(sent_by(&scene->pair->near), PADDED + 18 + 64); /* SETTINGS as well */
}

static void shaped_by_who_hides_more(void **state) {
	struct scene *scene = *state;
	profile_of(scene, STREAM_SHAPING_PERFORMANCE, STREAM_SHAPING_BALANCED);
	assert_true(sent_by(&scene->pair->far) > PADDED);
	assert_int_equal(sent_by(&scene->pair->near), PADDED + 18 + 64);
}

/* To say nothing is to leave the other end's to it. */
static void shaped_as_each_wants(void **state) {
	struct scene *scene = *state;
	profile_of(scene, STREAM_SHAPING_NONE, STREAM_SHAPING_PERFORMANCE);
	assert_int_equal(sent_by(&scene->pair->near), PLAIN);
	assert_int_equal(sent_by(&scene->pair->far), PADDED);
}

/* SETTINGS that cannot be read end the connection. */
static void nonsense_about_shaping(void **state) {
	struct scene *scene = *state;
	join(scene, STREAM_SHAPING_NONE);
	static const uint8_t twice[] = {0, 1, 0, 1, 1, 0, 1, 0, 1, 1};
	struct carrier *carrier = scene->pair->near.carrier;
	assert_int_equal(mux_send_settings(carrier_mux(carrier), slice_of(twice, sizeof twice)),
					 ERR_OK);
	carrier_touch(carrier);
	control_loop_run(scene->pair->host.loop);
	assert_string_equal(scene->pair->far.why, "PROTOCOL_ERROR");
}

/* More than all windows and buffers hold, of several streams at once, in every padding. */
static void bulk_both_ways(void **state) {
	struct scene *scene = *state;
	join(scene, STREAM_SHAPING_BALANCED);
	for (size_t i = 0; i < 4; i++)
		(void)ask(scene, scene->bulk + i, BULK / 4);
	for (size_t i = 0; i < 4; i++) {
		run_until_closed(&scene->askers[i]);
		assert_int_equal(scene->askers[i].error, STREAM_ERROR_NONE);
		assert_int_equal(scene->askers[i].received, BULK / 4);
	}
}

/* What is written before the carrier goes on leaves together; the padding's frames, too. */
static void one_write_a_turn(void **state) {
	struct scene *scene = *state;
	join(scene, STREAM_SHAPING_NONE);
	carrier_pair_run_for(scene->pair, 20);
	struct carrier_figures before, after;
	carrier_figures(scene->pair->near.carrier, &before);
	for (size_t i = 0; i < 20; i++)
		(void)ask(scene, "x", 1);
	carrier_figures(scene->pair->near.carrier, &after);
	assert_int_equal(after.sent, before.sent);
	run_until_closed(&scene->askers[19]);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(scene->askers[i].received, 1);
}

/* More than the kernel takes at once, while nothing comes from the other end: whole windows. */
static void goes_on_when_there_is_room(void **state) {
	struct scene *scene = *state;
	struct carrier_figures far = {.received = 0};
	scene->is_silent = true;
	join(scene, STREAM_SHAPING_NONE);
	for (size_t i = 0; i < 3; i++)
		(void)ask(scene, scene->bulk, BULK);
	for (unsigned i = 0; i < 200 && far.received < 3 * WINDOW_INITIAL; i++) {
		carrier_pair_run_for(scene->pair, 10);
		carrier_figures(scene->pair->far.carrier, &far);
	}
	assert_true(far.received > 3 * WINDOW_INITIAL);
}

static void refused(void **state) {
	struct scene *scene = *state;
	scene->refusal = STREAM_ERROR_CONNECT;
	join(scene, STREAM_SHAPING_NONE);
	struct asker *asker = ask(scene, "question", 8);
	run_until_closed(asker);
	assert_int_equal(asker->error, STREAM_ERROR_CONNECT);
}

/* A client's end opens streams; that it takes none was not said by anybody. */
static void no_streams_to_a_client(void **state) {
	struct scene *scene = *state;
	join(scene, STREAM_SHAPING_NONE);
	struct asker asker = {.user.ops = &asker_ops, .pair = scene->pair};
	struct target target;
	assert_int_equal(target_parse("example.com", 443, false, &target), ERR_OK);
	struct carrier *carrier = scene->pair->far.carrier;
	assert_int_equal(mux_stream_open(carrier_mux(carrier), &target, &asker.user, &asker.stream),
					 ERR_OK);
	carrier_touch(carrier);
	run_until_closed(&asker);
	assert_int_equal(asker.error, STREAM_ERROR_REFUSED_STREAM);
}

/* The streams that are there live on; then both ends close, and say so. */
static void drains(void **state) {
	struct scene *scene = *state;
	scene->is_silent = true;
	join(scene, STREAM_SHAPING_NONE);
	struct asker *asker = ask(scene, "question", 8);
	carrier_pair_run_for(scene->pair, 50);
	carrier_drain(scene->pair->near.carrier);
	carrier_pair_run_for(scene->pair, 50);
	assert_int_equal(scene->pair->near.draining, 1);
	assert_int_equal(scene->pair->far.draining, 1);
	assert_int_equal(scene->pair->near.closed + scene->pair->far.closed, 0);
	scene->echoes[0].user.ops = &echo_ops;
	echo_go_on(&scene->echoes[0].user);
	carrier_touch(scene->pair->far.carrier);
	run_until_closed(asker);
	assert_int_equal(asker->error, STREAM_ERROR_NONE);
	scene->pair->near.frees = scene->pair->far.frees = true;
	control_loop_run(scene->pair->host.loop);
	assert_int_equal(scene->pair->near.closed, 1);
	assert_int_equal(scene->pair->far.closed, 1);
	assert_string_equal(scene->pair->far.why, "drained");
}

static void freed_while_draining(void **state) {
	struct scene *scene = *state;
	join(scene, STREAM_SHAPING_NONE);
	scene->pair->near.frees_draining = true;
	scene->pair->near.closed = 1; /* nobody says so */
	carrier_drain(scene->pair->near.carrier);
	control_loop_run(scene->pair->host.loop);
	assert_null(scene->pair->near.carrier);
	assert_int_equal(scene->pair->far.closed, 1);
}

/* The other end is gone from one moment to the next. */
static void cut_off(void **state) {
	struct scene *scene = *state;
	scene->is_silent = true;
	join(scene, STREAM_SHAPING_NONE);
	struct asker *asker = ask(scene, scene->bulk, BULK);
	carrier_pair_run_for(scene->pair, 50);
	carrier_free(scene->pair->far.carrier);
	scene->pair->far.carrier = NULL;
	scene->pair->far.closed = 1;
	run_until_closed(asker);
	assert_int_equal(asker->error, STREAM_ERROR_INTERNAL);
	while (scene->pair->near.closed == 0)
		control_loop_run(scene->pair->host.loop);
	assert_true(strlen(scene->pair->near.why) > 0);
	assert_int_equal(scene->pair->near.draining, 1);
}

/* Who has other keys says something that does not open: the end, and not a word of why. */
static void other_keys(void **state) {
	struct scene *scene = *state;
	struct stream_keys keys;
	carrier_pair_keys(true, &keys);
	keys.send[0] ^= 1;
	carrier_pair_carry(&scene->pair->near, &keys, STREAM_SHAPING_NONE, slice_of(NULL, 0));
	carrier_pair_keys(false, &keys);
	carrier_pair_carry(&scene->pair->far, &keys, STREAM_SHAPING_NONE, slice_of(NULL, 0));
	struct asker *asker =
		ask(scene, scene->bulk, BULK); /* a length that is nonsense is waited for */
	run_until_closed(asker);
	while (scene->pair->far.closed == 0 || scene->pair->near.closed == 0)
		control_loop_run(scene->pair->host.loop);
	struct carrier_figures far;
	carrier_figures(scene->pair->far.carrier, &far);
	assert_int_equal(far.sent, 0);
	assert_int_equal(scene->echo_count, 0);
	assert_string_equal(scene->pair->near.why, "closed by the other end");
}

/* What came with the handshake is the first that the carrier takes. */
static void first_bytes(void **state) {
	struct scene *scene = *state;
	struct stream_keys keys;
	carrier_pair_keys(true, &keys);
	/* The near end's first frames, made by a mux of its own. */
	struct cipher_setup setup = {.backend = scene->pair->host.backend, .rules = &cipher_rules};
	struct cipher *seal, *open;
	memcpy(setup.key, keys.send, sizeof setup.key);
	memcpy(setup.handshake_hash, keys.hash, sizeof setup.handshake_hash);
	assert_int_equal(cipher_new(&setup, clock_now(), &seal), ERR_OK);
	assert_int_equal(cipher_new(&setup, clock_now(), &open), ERR_OK);
	const struct mux_ops none = {.opened = NULL};
	const struct mux_config config = {.role = MUX_INITIATOR,
									  .ops = &none,
									  .random = &csprng,
									  .seal = seal,
									  .open = open,
									  .worker = scene->pair->host.worker};
	struct mux *mux;
	struct mux_stream *stream;
	struct target target;
	static uint8_t frames[MUX_SEND_ROOM_MIN];
	assert_int_equal(mux_new(&config, clock_now(), &mux), ERR_OK);
	assert_int_equal(target_parse("example.com", 443, false, &target), ERR_OK);
	assert_int_equal(mux_stream_open(mux, &target, NULL, &stream), ERR_OK);
	assert_int_equal(mux_stream_write(stream, "early", 5), 5);
	size_t size = mux_send(mux, frames, sizeof frames, clock_now());
	assert_true(size > 10);
	mux_free(mux);
	cipher_free(seal);
	cipher_free(open);

	scene->is_silent = true;
	carrier_pair_keys(false, &keys);
	carrier_pair_carry(&scene->pair->far, &keys, STREAM_SHAPING_NONE, slice_of(frames, size));
	assert_int_equal(scene->echo_count, 0); /* not from inside */
	memset(frames, 0, sizeof frames);       /* a copy was made */
	carrier_pair_run_for(scene->pair, 20);
	assert_int_equal(scene->echo_count, 1);
	struct slice early = mux_stream_peek(scene->echoes[0].stream);
	assert_int_equal(early.size, 5);
	assert_memory_equal(early.data, "early", 5);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_question_and_its_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(shaped_as_the_initiator_wants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(shaped_by_who_hides_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(shaped_as_each_wants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nonsense_about_shaping, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bulk_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_write_a_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(goes_on_when_there_is_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_streams_to_a_client, set_up, tear_down),
		cmocka_unit_test_setup_teardown(drains, set_up, tear_down),
		cmocka_unit_test_setup_teardown(freed_while_draining, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(first_bytes, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
