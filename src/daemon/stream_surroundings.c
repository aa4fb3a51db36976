#include "daemon/stream_surroundings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/aead.h"
#include "crypto/csprng.h"
#include "loop/control_loop.h"

_Static_assert((int)PROCESS_SOCKET_TCP_V4 == (int)STREAM_SOCKET_TCP_V4 &&
				   (int)PROCESS_SOCKET_TCP_V6 == (int)STREAM_SOCKET_TCP_V6 &&
				   (int)PROCESS_SOCKET_UDP_V4 == (int)STREAM_SOCKET_UDP_V4 &&
				   (int)PROCESS_SOCKET_UDP_V6 == (int)STREAM_SOCKET_UDP_V6 &&
				   (int)PROCESS_SOCKET_ASSOCIATION == (int)STREAM_SOCKET_ASSOCIATION &&
				   (int)PROCESS_SOCKET_KINDS == (int)STREAM_SOCKETS,
			   "a kind is the same number on both sides");

enum { IDLE_MAX = STREAM_SOCKETS_AHEAD + PROCESS_SOCKETS_MAX };

/* Sockets of one kind. One request is under way at a time. */
struct pool {
	int idle[IDLE_MAX];
	size_t idle_count;
	struct list wishes;
	bool asked;
	bool stale; /* what was asked for is closed when it comes */
};

struct stream_surroundings {
	struct stream_host host;
	struct stream_outbox *outbox;
	struct control_timer *timer;
	struct pool pools[STREAM_SOCKETS];
	struct list questions;
	size_t question_count;
	uint32_t last_id;
};

static uint64_t host_now(void *context) {
	return clock_now();
}

static uint64_t host_wall_now(void *context) {
	return clock_wall_now();
}

/* Sockets: */

static uint8_t count_wanted(const struct pool *pool) {
	size_t wanted = STREAM_SOCKETS_AHEAD;
	list_for_each (link, &pool->wishes)
		if (++wanted == PROCESS_SOCKETS_MAX)
			break;
	return (uint8_t)(wanted > pool->idle_count ? wanted - pool->idle_count : 0);
}

static void ask_for_sockets(struct stream_surroundings *surroundings, enum stream_socket kind) {
	struct pool *pool = &surroundings->pools[kind];
	uint8_t wanted = count_wanted(pool);
	bool low = pool->idle_count < STREAM_SOCKETS_AHEAD / 2;
	if (pool->asked || !low || wanted == 0)
		return;
	pool->asked = true;
	stream_outbox_want(surroundings->outbox, (uint8_t)kind, wanted);
}

static void host_socket(void *context, enum stream_socket kind, struct stream_socket_wish *wish) {
	struct stream_surroundings *surroundings = context;
	struct pool *pool = &surroundings->pools[kind];
	int descriptor = pool->idle_count > 0 ? pool->idle[--pool->idle_count] : -1;
	if (descriptor < 0)
		list_append(&pool->wishes, &wish->link);
	ask_for_sockets(surroundings, kind);
	if (descriptor >= 0)
		wish->given(wish, descriptor, 0);
}

static void host_cancel_socket(void *context, struct stream_socket_wish *wish) {
	list_remove(&wish->link);
}

static void close_idle(struct pool *pool) {
	while (pool->idle_count > 0)
		(void)close(pool->idle[--pool->idle_count]);
}

/* Those who wait now; what they do about it may make others wait. */
static void fail_wishes(struct pool *pool, int number) {
	struct list failed;
	list_init(&failed);
	for (struct list *link; (link = list_take_first(&pool->wishes)) != NULL;)
		list_append(&failed, link);
	for (struct list *link; (link = list_take_first(&failed)) != NULL;) {
		struct stream_socket_wish *wish = list_item(link, struct stream_socket_wish, link);
		wish->given(wish, -1, number);
	}
}

void stream_surroundings_sockets(struct stream_surroundings *surroundings,
								 const struct process_sockets *answer, const int *descriptors,
								 size_t count) {
	struct pool *pool = &surroundings->pools[answer->kind];
	bool stale = pool->stale || !pool->asked;
	pool->asked = pool->stale = false;
	for (size_t i = 0; i < count; i++) {
		if (!stale && pool->idle_count < IDLE_MAX)
			pool->idle[pool->idle_count++] = descriptors[i];
		else
			(void)close(descriptors[i]);
	}
	if (answer->error)
		fail_wishes(pool, (int)answer->error);
	while (pool->idle_count > 0) {
		struct list *first = list_take_first(&pool->wishes);
		if (!first)
			return;
		struct stream_socket_wish *wish = list_item(first, struct stream_socket_wish, link);
		wish->given(wish, pool->idle[--pool->idle_count], 0);
	}
	if (!list_is_empty(&pool->wishes))
		ask_for_sockets(surroundings, (enum stream_socket)answer->kind);
}

void stream_surroundings_forget_sockets(struct stream_surroundings *surroundings) {
	for (size_t kind = 0; kind < STREAM_SOCKETS; kind++) {
		struct pool *pool = &surroundings->pools[kind];
		close_idle(pool);
		pool->stale = pool->asked;
	}
}

/* Names: an error of a question is what the answer will be, without control's being asked. */

static struct stream_question *question_of(struct list *link) {
	return list_item(link, struct stream_question, link);
}

static void answer(struct stream_surroundings *surroundings, struct stream_question *question,
				   enum err error, const struct address *addresses, size_t count) {
	list_remove(&question->link);
	surroundings->question_count--;
	question->answered(question, error, addresses, count);
}

static void set_timer(struct stream_surroundings *surroundings) {
	uint64_t next = CLOCK_NEVER, now = clock_now();
	list_for_each (link, &surroundings->questions)
		if (question_of(link)->deadline < next)
			next = question_of(link)->deadline;
	if (next == CLOCK_NEVER)
		control_timer_stop(surroundings->timer);
	else
		control_timer_set(surroundings->timer, next > now ? next - now : 0);
}

static struct stream_question *find_due(struct stream_surroundings *surroundings, uint64_t now) {
	list_for_each (link, &surroundings->questions)
		if (now >= question_of(link)->deadline)
			return question_of(link);
	return NULL;
}

static void due(void *context) {
	struct stream_surroundings *surroundings = context;
	uint64_t now = clock_now();
	for (struct stream_question *question; (question = find_due(surroundings, now)) != NULL;)
		answer(surroundings, question, question->error ? question->error : ERR_AGAIN, NULL, 0);
	set_timer(surroundings);
}

static const struct stream_question *find_asked(const struct stream_surroundings *surroundings,
												const char *name) {
	list_for_each (link, &surroundings->questions) {
		const struct stream_question *question = question_of(link);
		if (!question->error && strcmp(question->name, name) == 0)
			return question;
	}
	return NULL;
}

/*
 * Many streams to one name make one question of control, which has the number and deadline of the
 * first of them: those who come later do not wait longer for an answer that was lost.
 */
static enum err ask_control(struct stream_surroundings *surroundings,
							struct stream_question *question) {
	struct stream_notice notice = {.kind = STREAM_NOTICE_RESOLVE, .descriptor = -1};
	size_t size = strlen(question->name);
	if (size == 0 || size >= sizeof notice.resolve.name)
		return ERR_NOT_FOUND;
	if (surroundings->question_count >= STREAM_QUESTIONS_MAX)
		return ERR_LIMIT;
	const struct stream_question *asked = find_asked(surroundings, question->name);
	if (asked) {
		question->id = asked->id;
		question->deadline = asked->deadline;
		return ERR_OK;
	}
	question->id = notice.resolve.id = ++surroundings->last_id;
	question->deadline = clock_now() + STREAM_QUESTION_SECONDS * CLOCK_SECOND;
	memcpy(notice.resolve.name, question->name, size);
	return stream_outbox_put(surroundings->outbox, &notice) ? ERR_LIMIT : ERR_OK;
}

static void host_resolve(void *context, const char *name, struct stream_question *question) {
	struct stream_surroundings *surroundings = context;
	question->name = name;
	question->error = ask_control(surroundings, question);
	if (question->error)
		question->deadline = 0;
	list_append(&surroundings->questions, &question->link);
	surroundings->question_count++;
	if (question->error || surroundings->question_count == 1)
		set_timer(surroundings);
}

static void host_cancel_question(void *context, struct stream_question *question) {
	struct stream_surroundings *surroundings = context;
	if (list_is_empty(&question->link))
		return;
	list_remove(&question->link);
	surroundings->question_count--;
}

static enum err error_of(uint8_t result) {
	switch ((enum process_found)result) {
	case PROCESS_FOUND:
		return ERR_OK;
	case PROCESS_FOUND_NONE:
		return ERR_NOT_FOUND;
	case PROCESS_FOUND_LIMIT:
		return ERR_LIMIT;
	case PROCESS_FOUND_UNANSWERED:
		break;
	}
	return ERR_AGAIN;
}

void stream_surroundings_resolved(struct stream_surroundings *surroundings,
								  const struct process_resolved *found) {
	struct address addresses[PROCESS_FOUND_MAX];
	for (size_t i = 0; i < found->count; i++)
		addresses[i] =
			address_from_bytes((enum address_family)found->items[i].family, found->items[i].bytes);
	/* Those who ask for it now; what they do about it may make others ask, or ask no more. */
	struct list waiting;
	list_init(&waiting);
	list_for_each (link, &surroundings->questions) {
		const struct stream_question *question = question_of(link);
		if (question->id != found->id || question->error)
			continue;
		list_remove(link);
		list_append(&waiting, link);
	}
	for (struct list *link; (link = list_take_first(&waiting)) != NULL;)
		answer(surroundings, question_of(link), error_of(found->result), addresses, found->count);
}

/* Strangers and news: */

static uint8_t http_of(const char *protocol) {
	if (strcmp(protocol, "h2") == 0)
		return PROCESS_HTTP2;
	return strcmp(protocol, "plain") == 0 ? PROCESS_HTTP_PLAIN : PROCESS_HTTP1;
}

static int host_stranger(void *context, const struct endpoint *from, const char *protocol) {
	struct stream_surroundings *surroundings = context;
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return -1;
	struct stream_notice notice = {.kind = STREAM_NOTICE_STRANGER, .descriptor = ends[1]};
	notice.stranger.http = http_of(protocol);
	notice.stranger.family = from->address.family;
	memcpy(notice.stranger.address, from->address.bytes, address_size(&from->address));
	notice.stranger.port = from->port;
	notice.stranger.scope = from->address.family == ADDRESS_V6 ? from->scope_id : 0;
	if (stream_outbox_put(surroundings->outbox, &notice)) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return -1;
	}
	return ends[0];
}

static void host_event(void *context, const struct stream_event *event) {
	static const enum process_event kinds[] = {
		[STREAM_EVENT_CONNECTED] = PROCESS_EVENT_CONNECTED,
		[STREAM_EVENT_UNANSWERED] = PROCESS_EVENT_UNANSWERED,
		[STREAM_EVENT_UNREACHABLE] = PROCESS_EVENT_UNREACHABLE,
	};
	struct stream_surroundings *surroundings = context;
	struct stream_notice notice = {.kind = STREAM_NOTICE_EVENT, .descriptor = -1};
	notice.event.kind = kinds[event->kind];
	memcpy(notice.event.public_key, event->public_key, sizeof notice.event.public_key);
	notice.event.endpoint = event->endpoint;
	notice.event.count = event->count;
	/* One that is lost is made up for by the next one, as where the channel is full. */
	if (stream_outbox_put(surroundings->outbox, &notice))
		return;
}

static const struct stream_host_ops host_ops = {
	.now = host_now,
	.wall_now = host_wall_now,
	.socket = host_socket,
	.cancel_socket = host_cancel_socket,
	.resolve = host_resolve,
	.cancel_question = host_cancel_question,
	.stranger = host_stranger,
	.event = host_event,
};

enum err stream_surroundings_new(struct control_loop *loop, struct stream_outbox *outbox,
								 const char *aead, const char *prefix,
								 struct stream_surroundings **out_surroundings) {
	struct stream_surroundings *surroundings = calloc(1, sizeof *surroundings);
	if (!surroundings)
		return ERR_NO_MEMORY;
	surroundings->host = (struct stream_host){
		.ops = &host_ops,
		.context = surroundings,
		.loop = loop,
		.random = &csprng,
		.backend = aead_backend_find(aead),
		.prefix = prefix,
	};
	surroundings->outbox = outbox;
	list_init(&surroundings->questions);
	for (size_t kind = 0; kind < STREAM_SOCKETS; kind++)
		list_init(&surroundings->pools[kind].wishes);
	enum err error = surroundings->host.backend ? ERR_OK : ERR_UNSUPPORTED;
	if (!error)
		error = aead_worker_new(surroundings->host.backend, &surroundings->host.worker);
	if (!error)
		error = control_timer_new(loop, due, surroundings, &surroundings->timer);
	if (error) {
		stream_surroundings_free(surroundings);
		return error;
	}
	*out_surroundings = surroundings;
	return ERR_OK;
}

void stream_surroundings_free(struct stream_surroundings *surroundings) {
	if (!surroundings)
		return;
	for (size_t kind = 0; kind < STREAM_SOCKETS; kind++)
		close_idle(&surroundings->pools[kind]);
	while (list_take_first(&surroundings->questions))
		continue;
	control_timer_free(surroundings->timer);
	if (surroundings->host.worker)
		aead_worker_free(surroundings->host.worker);
	free(surroundings);
}

const struct stream_host *stream_surroundings_host(const struct stream_surroundings *surroundings) {
	return &surroundings->host;
}
