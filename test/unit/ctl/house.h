#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/examples.h"
#include "ctl/server.h"
#include "loop/control_loop.h"

/*
 * A server behind a socket in a temporary folder, with its loop in a thread of its own and an owner
 * that answers by the tunnel's name: "late" after 50 ms, "never" not at all, "big" with many peers,
 * "none" with 404, others at once. Reloading publishes an event.
 */
enum { HOUSE_BIG = 20000, HOUSE_LATE_MAX = 8 };

struct house {
	char folder[32], socket[64];
	struct control_loop *loop;
	struct ctl_server *server;
	struct control_watch *listening, *stopping;
	struct control_timer *timer;
	int listener, stop;
	pthread_t thread;
	struct view_peer *big;
	struct ctl_request *late[HOUSE_LATE_MAX];
	size_t late_count;
	atomic_uint asked;
	atomic_int refused; /* connections */
	char question[512]; /* the last one, as text */
};

static inline void house_note(struct house *house, const struct ctl_question *question) {
	const struct view_peer_request *add = question->add;
	const struct view_user_request *user = question->user_request;
	if (question->user || user) {
		(void)snprintf(house->question, sizeof house->question, "%u user=%s name=%s password=%s",
					   (unsigned)question->kind, question->user ? question->user : "-",
					   user && user->name ? user->name : "-",
					   user && user->password ? user->password : "-");
		return;
	}
	(void)snprintf(house->question, sizeof house->question,
				   "%u tunnel=%s peer=%s peers=%zu add=%s/%u/%zu level=%s",
				   (unsigned)question->kind, question->tunnel ? question->tunnel : "-",
				   question->peer ? question->peer : "-", question->peers, add ? add->name : "-",
				   add ? add->preshared_key[0] : 0u, add ? add->allowed_ip_count : 0,
				   question->level ? question->level : "-");
}

static inline void house_make_big(struct house *house) {
	house->big = calloc(HOUSE_BIG, sizeof *house->big);
	if (!house->big)
		abort();
	for (unsigned i = 0; i < HOUSE_BIG; i++)
		house->big[i] = example_peer(i);
}

static inline void house_answer(struct house *house, struct ctl_request *request,
								const struct ctl_question *question) {
	struct view_status status;
	struct view_tunnel tunnel;
	struct view_peer peer;
	struct view_user user;
	switch (question->kind) {
	case CTL_STATUS:
		status = example_status();
		ctl_answer_status(request, &status);
		view_status_done(&status);
		break;
	case CTL_METRICS:
		status = example_status();
		ctl_answer_metrics(request, &status);
		view_status_done(&status);
		break;
	case CTL_TUNNEL:
		tunnel = example_tunnel(question->tunnel, 2);
		ctl_answer_tunnel(request, &tunnel);
		view_tunnel_done(&tunnel);
		break;
	case CTL_PEERS:
		if (!house->big)
			house_make_big(house);
		ctl_answer_peers(request, house->big, strcmp(question->tunnel, "big") == 0 ? HOUSE_BIG : 1);
		break;
	case CTL_PEER:
	case CTL_PEER_ADD:
		peer = example_peer(1);
		ctl_answer_peer(request, question->kind == CTL_PEER ? 200 : 201, &peer);
		view_peer_done(&peer);
		break;
	case CTL_USERS:
	case CTL_USER:
	case CTL_USER_ADD:
	case CTL_USER_CHANGE:
		user = example_user();
		if (question->kind == CTL_USERS)
			ctl_answer_users(request, &user, 1);
		else
			ctl_answer_user(request, question->kind == CTL_USER_ADD ? 201 : 200, &user);
		view_user_done(&user);
		break;
	case CTL_RELOAD:
		ctl_answer_done(request, "reloaded");
		ctl_server_publish(house->server, "configuration.reloaded", NULL, NULL, "by request");
		break;
	case CTL_UP:
	case CTL_DOWN:
	case CTL_LOGIN:
	case CTL_PEER_REMOVE:
	case CTL_USER_REMOVE:
	case CTL_LOG:
	case CTL_OUTSIDE:
	case CTL_INSIDE:
		ctl_answer_done(request, "done");
		break;
	}
}

static inline void house_ask(void *context, struct ctl_request *request,
							 const struct ctl_question *question) {
	struct house *house = context;
	house_note(house, question);
	atomic_fetch_add(&house->asked, 1);
	const char *tunnel = question->tunnel ? question->tunnel : "";
	if (strcmp(tunnel, "none") == 0) {
		ctl_answer_error(request, 404, "not_found", "there is no tunnel none");
	} else if (strcmp(tunnel, "late") == 0 && house->late_count < HOUSE_LATE_MAX) {
		house->late[house->late_count++] = request;
		control_timer_set(house->timer, 50 * CLOCK_MILLISECOND);
	} else if (strcmp(tunnel, "never") != 0) {
		house_answer(house, request, question);
	}
}

static inline void house_answer_late(void *context) {
	struct house *house = context;
	for (size_t i = 0; i < house->late_count; i++)
		ctl_answer_done(house->late[i], "late");
	house->late_count = 0;
}

static inline void house_accept(void *context, uint32_t events) {
	struct house *house = context;
	int descriptor = accept4(house->listener, NULL, NULL, SOCK_CLOEXEC);
	if (descriptor >= 0 && ctl_server_adopt(house->server, descriptor))
		atomic_fetch_add(&house->refused, 1);
}

static inline void house_stop(void *context, uint32_t events) {
	struct house *house = context;
	control_loop_stop(house->loop);
}

static inline void *house_run(void *context) {
	struct house *house = context;
	control_loop_run(house->loop);
	return NULL;
}

static inline struct house *house_new(unsigned idle_seconds, unsigned comment_seconds) {
	struct house *house = calloc(1, sizeof *house);
	assert_non_null(house);
	memcpy(house->folder, "/tmp/umbra-ctl-XXXXXX", 22);
	assert_non_null(mkdtemp(house->folder));
	(void)snprintf(house->socket, sizeof house->socket, "%s/control.sock", house->folder);
	house->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", house->socket);
	assert_int_equal(bind(house->listener, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(house->listener, 100), 0);
	house->stop = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(control_loop_new(&house->loop), ERR_OK);
	const struct ctl_server_options options = {
		.loop = house->loop,
		.ask = house_ask,
		.context = house,
		.idle_seconds = idle_seconds,
		.comment_seconds = comment_seconds,
	};
	assert_int_equal(ctl_server_new(&options, &house->server), ERR_OK);
	assert_int_equal(control_watch_new(house->loop, house->listener, EPOLLIN, house_accept, house,
									   &house->listening),
					 ERR_OK);
	assert_int_equal(
		control_watch_new(house->loop, house->stop, EPOLLIN, house_stop, house, &house->stopping),
		ERR_OK);
	assert_int_equal(control_timer_new(house->loop, house_answer_late, house, &house->timer),
					 ERR_OK);
	assert_int_equal(pthread_create(&house->thread, NULL, house_run, house), 0);
	return house;
}

static inline void house_free(struct house *house) {
	const uint64_t one = 1;
	assert_int_equal(write(house->stop, &one, sizeof one), sizeof one);
	assert_int_equal(pthread_join(house->thread, NULL), 0);
	control_watch_free(house->listening);
	control_watch_free(house->stopping);
	control_timer_free(house->timer);
	ctl_server_free(house->server);
	control_loop_free(house->loop);
	(void)close(house->listener);
	(void)close(house->stop);
	(void)unlink(house->socket);
	(void)rmdir(house->folder);
	for (unsigned i = 0; i < HOUSE_BIG && house->big; i++)
		view_peer_done(&house->big[i]);
	free(house->big);
	free(house);
}

/* A connection that gives up reading after five seconds. */
static inline int house_connect(const struct house *house) {
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", house->socket);
	assert_int_equal(connect(descriptor, (const struct sockaddr *)&address, sizeof address), 0);
	const struct timeval timeout = {.tv_sec = 5};
	assert_int_equal(setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
	return descriptor;
}

static inline void house_send(int descriptor, const char *text) {
	assert_int_equal(send(descriptor, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}
