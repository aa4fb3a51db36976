#pragma once

/* A judge of logins with a store of its own, before which the test is the net process; behind
 * cmocka's headers. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/member.h"
#include "daemon/channel.h"
#include "daemon/control_logins_core.h"
#include "daemon/shared_text.h"
#include "loop/control_loop.h"
#include "store/store_bench.h"

/* Of "password", and cheap; phc-winner-argon2's. */
#define LOGINS_PASSWORD \
	"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

enum { LOGINS_SLOT = 5 };

struct logins_desk {
	struct control control;
	struct control_timer *timer;
	struct store_bench *bench;
	struct prefix pool[2]; /* the second one for whom wants it */
	const char *demands[2], *groups[1];
	struct config_tunnel config;
	struct control_tunnel *tunnel;
	int net;
	uint64_t id;
	char set[16384]; /* the lines that came since it was asked for or somebody logged in */
};

static void logins_receive(void *context, struct channel_message *message) {
}

static void logins_lost(void *context, enum err error) {
}

static void logins_settled(void *context) {
}

static void logins_stop(void *context) {
	control_loop_stop(((struct logins_desk *)context)->control.loop);
}

static void logins_due(void *context) {
	control_run(context);
}

/* As this process begins. */
static void logins_desk_begin(struct logins_desk *desk) {
	struct control *control = &desk->control;
	int ends[2];
	*control = (struct control){.sockets.channel = -1, .store = desk->bench->store};
	list_init(&control->lookups);
	list_init(&control->sets);
	list_init(&control->gathers);
	assert_int_equal(channel_pair(ends), ERR_OK);
	assert_int_equal(control_loop_new(&control->loop), ERR_OK);
	assert_int_equal(control_timer_new(control->loop, logins_stop, desk, &desk->timer), ERR_OK);
	assert_int_equal(control_timer_new(control->loop, logins_due, control, &control->timer),
					 ERR_OK);
	const struct control_channel_options options = {.loop = control->loop,
													.receive = logins_receive,
													.lost = logins_lost,
													.settled = logins_settled};
	control_channel_init(&control->net, &options);
	control_channel_init(&control->privileged, &options);
	assert_int_equal(control_channel_open(&control->net, ends[0]), ERR_OK);
	desk->net = ends[1];
	control_names_open(control);
	assert_int_equal(control_logins_open(control), ERR_OK);
	struct control_tunnel *tunnel = desk->tunnel = &control->tunnels[0];
	*tunnel = (struct control_tunnel){.control = control,
									  .config = &desk->config,
									  .name = "um0",
									  .state = PROCESS_STATE_UP,
									  .slot = LOGINS_SLOT,
									  .synced = true};
	assert_int_equal(control_peers_load(control, &desk->config, &tunnel->directory), ERR_OK);
}

static void logins_desk_end(struct logins_desk *desk) {
	struct control *control = &desk->control;
	control->stop = true;
	control_net_done(control);
	control_logins_done(control);
	control_names_done(control);
	directory_free(desk->tunnel->directory);
	control_timer_free(desk->timer);
	control_timer_free(control->timer);
	control_loop_free(control->loop);
	(void)close(desk->net);
}

static int logins_desk_set_up(void **state) {
	struct logins_desk *desk = calloc(1, sizeof *desk);
	void *bench;
	assert_non_null(desk);
	log_init(LOG_SILENT, "test");
	if (store_bench_set_up(&bench))
		return -1;
	desk->bench = bench;
	assert_int_equal(address_parse("10.66.0.1", &desk->pool[0].address), ERR_OK);
	desk->pool[0].length = 24;
	desk->demands[0] = "password";
	desk->config = (struct config_tunnel){
		.name = "um0",
		.logs_in = true,
		.role = CONFIG_SERVER,
		.addresses = {desk->pool, 1},
		.login = {.demands = {desk->demands, 1}},
	};
	logins_desk_begin(desk);
	*state = desk;
	return 0;
}

static int logins_desk_tear_down(void **state) {
	struct logins_desk *desk = *state;
	void *bench = desk->bench;
	logins_desk_end(desk);
	int failed = store_bench_tear_down(&bench);
	free(desk);
	return failed;
}

/* One that may log in with "password". */
static inline struct store_user logins_desk_user(const char *name) {
	struct store_user user = {.devices = STORE_DEVICES_DEFAULT, .password = LOGINS_PASSWORD};
	(void)snprintf(user.name, sizeof user.name, "%s", name);
	return user;
}

static inline void logins_desk_add(struct logins_desk *desk, struct store_user *user) {
	assert_int_equal(store_users_add(desk->bench->store, user, &user->id), ERR_OK);
}

/* A message of the net process with that memory. */
static inline void logins_desk_hear(struct logins_desk *desk, struct process_message body,
									struct slice memory) {
	struct channel_message message = {.message = body};
	message.message.tunnel = LOGINS_SLOT;
	if (memory.size > 0) {
		assert_int_equal(shared_text_new(memory, &message.descriptors[0]), ERR_OK);
		message.count = 1;
	}
	control_logins_hear(&desk->control, &message);
	channel_message_done(&message);
}

static inline uint64_t logins_desk_ask(struct logins_desk *desk, const char *user,
									   const char *password, const char *from) {
	struct process_login login = {.user = slice_of_text(user),
								  .password = slice_of_text(password),
								  .by_certificate = password[0] == '\0'};
	uint8_t data[PROCESS_LOGIN_SIZE_MAX];
	size_t size;
	assert_int_equal(endpoint_parse(from, &login.from), ERR_OK);
	assert_int_equal(process_login_encode(&login, data, &size), ERR_OK);
	const struct process_message message = {.type = PROCESS_LOGIN, .login = {++desk->id}};
	logins_desk_hear(desk, message, slice_of(data, size));
	return desk->id;
}

static void logins_desk_turn(struct logins_desk *desk) {
	control_timer_set(desk->timer, CLOCK_MILLISECOND);
	control_loop_run(desk->control.loop);
}

static void logins_desk_take_set(struct logins_desk *desk, struct channel_message *message) {
	char *text;
	size_t size;
	assert_int_equal(message->count, 1);
	assert_int_equal(shared_text_read(message->descriptors[0], &text, &size), ERR_OK);
	const size_t before = strlen(desk->set);
	assert_true(size < sizeof desk->set - before);
	memcpy(desk->set + before, text, size + 1);
	free(text);
	const struct process_message result = {
		.type = PROCESS_RESULT, .request = message->message.request, .tunnel = LOGINS_SLOT};
	assert_int_equal(channel_send(desk->net, &result, NULL, 0), ERR_OK);
}

/* The next verdict; set operations before it are done. False: none within so many ms. */
static inline bool logins_desk_verdict(struct logins_desk *desk, int turns,
									   struct process_verdict *out_verdict) {
	for (int i = 0; i < turns; i++) {
		struct channel_message message;
		bool found = false;
		while (!found && channel_receive(desk->net, &message) == ERR_OK) {
			if (message.message.type == PROCESS_SET)
				logins_desk_take_set(desk, &message);
			else if (message.message.type == PROCESS_VERDICT) {
				*out_verdict = message.message.verdict;
				found = true;
			}
			channel_message_done(&message);
		}
		if (found)
			return true;
		logins_desk_turn(desk);
	}
	return false;
}

/* What a login ends with. */
static inline enum process_reject logins_desk_login(struct logins_desk *desk, const char *user,
													const char *password, const char *from) {
	struct process_verdict verdict;
	desk->set[0] = '\0';
	const uint64_t id = logins_desk_ask(desk, user, password, from);
	assert_true(logins_desk_verdict(desk, 20000, &verdict));
	assert_int_equal(verdict.id, id);
	return (enum process_reject)verdict.reject;
}

/* The lines of what the device is told now; "": nothing. */
static inline const char *logins_desk_set(struct logins_desk *desk) {
	struct process_verdict verdict;
	desk->set[0] = '\0';
	(void)logins_desk_verdict(desk, 3, &verdict);
	return desk->set;
}

static inline struct directory_peer *logins_desk_member(const struct logins_desk *desk,
														const char *name) {
	return directory_find_name(desk->tunnel->directory, name);
}

static inline void logins_desk_begins(struct logins_desk *desk, const char *name) {
	struct directory_peer *member = logins_desk_member(desk, name);
	assert_non_null(member);
	control_logins_began(desk->tunnel, member);
}
