/*
 * Raw bytes as what a connection of the control API sends, in one piece or in small ones by the
 * first byte: what is asked is whole, each question is answered, and then there is silence.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/examples.h"
#include "ctl/server.h"
#include "ctl/view_login.h"
#include "expect.h"
#include "loop/control_loop.h"

enum { INPUT_MAX = 32 << 10, ANSWERS_MAX = 4 << 20, PIECES = 7 };

#define SILENCE (2 * CLOCK_MILLISECOND)

struct desk {
	struct control_loop *loop;
	struct ctl_server *server;
	struct control_watch *watch;
	struct control_timer *late_timer, *silence;
	int descriptor;
	const uint8_t *input;
	size_t input_size, piece;
	char *answers;
	size_t answers_size;
	struct ctl_request *late;
	bool ended;
};

static void answer_late(void *context) {
	struct desk *desk = context;
	ctl_server_publish(desk->server, "peer.connected", "um0", "phone", "hello");
	ctl_answer_done(desk->late, "late");
	desk->late = NULL;
}

static void check_question(const struct ctl_question *question) {
	bool add = question->kind == CTL_PEER_ADD, level = question->kind == CTL_LOG;
	bool peer = question->kind == CTL_PEER || question->kind == CTL_PEER_REMOVE;
	expect((question->add != NULL) == add && (question->level != NULL) == level);
	expect((question->peer != NULL) == peer);
	bool said = question->kind == CTL_USER_ADD || question->kind == CTL_USER_CHANGE;
	bool user = question->kind == CTL_USER || question->kind == CTL_USER_CHANGE ||
				question->kind == CTL_USER_REMOVE;
	expect((question->user != NULL) == user && (question->user_request != NULL) == said);
	expect(!said || (question->user_request->name != NULL) == !user);
	expect((question->login != NULL) == (question->kind == CTL_LOGIN));
	expect(!question->tunnel || question->tunnel[0] != '\0');
}

static void ask(void *context, struct ctl_request *request, const struct ctl_question *question) {
	struct desk *desk = context;
	check_question(question);
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
		tunnel = example_tunnel(question->tunnel, (unsigned)question->peers % 4);
		ctl_answer_tunnel(request, &tunnel);
		view_tunnel_done(&tunnel);
		break;
	case CTL_PEERS:
		ctl_answer_peers(request, NULL, 0);
		break;
	case CTL_PEER:
	case CTL_PEER_ADD:
		peer = example_peer(1);
		ctl_answer_peer(request, question->kind == CTL_PEER ? 200 : 201, &peer);
		view_peer_done(&peer);
		break;
	case CTL_USERS:
		ctl_answer_users(request, NULL, 0);
		break;
	case CTL_USER:
	case CTL_USER_ADD:
	case CTL_USER_CHANGE:
		user = example_user();
		ctl_answer_user(request, question->kind == CTL_USER_ADD ? 201 : 200, &user);
		view_user_done(&user);
		break;
	case CTL_USER_REMOVE:
		ctl_answer_error(request, 404, "not_found", question->user);
		break;
	case CTL_UP:
	case CTL_DOWN:
		/* One connection has one question at a time. */
		expect(!desk->late);
		desk->late = request;
		control_timer_set(desk->late_timer, 0);
		break;
	case CTL_PEER_REMOVE:
		ctl_answer_error(request, 404, "not_found", question->peer);
		break;
	case CTL_LOGIN:
		ctl_answer_done(request, question->login->user ? question->login->user : "logged in");
		break;
	case CTL_RELOAD:
	case CTL_LOG:
	case CTL_OUTSIDE:
	case CTL_INSIDE:
		ctl_server_publish(desk->server, "log.level", NULL, NULL, question->level);
		ctl_answer_done(request, question->level ? question->level : "reloaded");
		break;
	}
}

static void send_some(struct desk *desk) {
	size_t size = desk->input_size < desk->piece ? desk->input_size : desk->piece;
	ssize_t sent = size > 0 ? send(desk->descriptor, desk->input, size, MSG_NOSIGNAL) : 0;
	if (sent > 0) {
		desk->input += sent;
		desk->input_size -= (size_t)sent;
	}
	if (desk->input_size == 0 || sent < 0) {
		desk->ended = true;
		(void)shutdown(desk->descriptor, SHUT_WR);
		expect(!control_watch_change(desk->watch, EPOLLIN));
	}
}

static void ready(void *context, uint32_t events) {
	struct desk *desk = context;
	ssize_t size = recv(desk->descriptor, desk->answers + desk->answers_size,
						ANSWERS_MAX - desk->answers_size, MSG_DONTWAIT);
	control_timer_set(desk->silence, SILENCE);
	if (size > 0)
		desk->answers_size += (size_t)size;
	else if (size == 0)
		control_loop_stop(desk->loop);
	if (!desk->ended && (events & EPOLLOUT))
		send_some(desk);
}

/* The server runs in this thread, so what it has to say it says without a pause. */
static void be_done(void *context) {
	struct desk *desk = context;
	if (desk->ended)
		control_loop_stop(desk->loop);
	else
		control_timer_set(desk->silence, SILENCE);
}

/* The head of the first one is whole, and the status one of those that there are. */
static void check_answers(const char *text, size_t size) {
	static const char version[] = "HTTP/1.";
	size_t skip = sizeof version - 1;
	if (size == 0)
		return;
	expect(size > skip + 5 && memcmp(text, version, skip) == 0);
	expect(text[skip + 1] == ' ' && text[skip + 2] >= '1' && text[skip + 2] <= '5');
	expect(memmem(text, size, "\r\n\r\n", 4) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0 || size > INPUT_MAX)
		return 0;
	struct desk desk = {
		.input = data + 1,
		.input_size = size - 1,
		.piece = data[0] % 2 == 0 ? size : size / PIECES + 1,
		.answers = malloc(ANSWERS_MAX),
	};
	int ends[2];
	expect(desk.answers && !control_loop_new(&desk.loop));
	expect(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
	desk.descriptor = ends[0];
	const struct ctl_server_options options = {.loop = desk.loop, .ask = ask, .context = &desk};
	expect(!ctl_server_new(&options, &desk.server));
	expect(!control_timer_new(desk.loop, answer_late, &desk, &desk.late_timer));
	expect(!control_timer_new(desk.loop, be_done, &desk, &desk.silence));
	expect(!control_watch_new(desk.loop, ends[0], EPOLLIN | EPOLLOUT, ready, &desk, &desk.watch));
	expect(!ctl_server_adopt(desk.server, ends[1]));
	control_loop_run(desk.loop);
	expect(!desk.late);
	check_answers(desk.answers, desk.answers_size);
	control_watch_free(desk.watch);
	control_timer_free(desk.late_timer);
	control_timer_free(desk.silence);
	ctl_server_free(desk.server);
	control_loop_free(desk.loop);
	(void)close(ends[0]);
	free(desk.answers);
	return 0;
}
