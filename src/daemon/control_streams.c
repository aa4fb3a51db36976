/* Names that streams lead to, which net asks for: RESOLVE, and the answers. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/csprng.h"
#include "daemon/control_streams.h"
#include "transport/dns/resolver.h"

struct control_streams {
	struct resolve_cache cache;
	struct list questions; /* to the resolver */
	size_t question_count;
	struct log_kind unsent;
};

/* One of net's. What it is about is never logged: it is what users visit. */
struct question {
	struct list link;
	struct control *control;
	uint64_t net_run; /* the process that asked */
	uint16_t slot;
	uint32_t id;
	char name[PROCESS_HOST_SIZE];
};

enum err control_streams_open(struct control *control) {
	struct control_streams *streams = calloc(1, sizeof *streams);
	struct siphash_key key;
	if (!streams)
		return ERR_NO_MEMORY;
	random_fill(&csprng, &key, sizeof key);
	resolve_cache_init(&streams->cache, &key);
	list_init(&streams->questions);
	control->streams = streams;
	return ERR_OK;
}

void control_streams_done(struct control *control) {
	if (!control->streams)
		return;
	for (struct list *link; (link = list_take_first(&control->streams->questions)) != NULL;)
		free(list_item(link, struct question, link));
	free(control->streams);
	control->streams = NULL;
}

void control_streams_forget(struct control *control) {
	if (control->streams)
		resolve_cache_clear(&control->streams->cache);
}

static void send(struct control *control, uint16_t slot, const struct process_resolved *answer) {
	const struct process_message message = {
		.type = PROCESS_RESOLVED, .tunnel = slot, .resolved = *answer};
	enum err error = control_channel_send(&control->net, &message, -1);
	if (error && error != ERR_CLOSED)
		log_limited(&control->streams->unsent, LOG_WARNING,
					"the addresses of a name did not reach net: %s", err_text(error));
}

static struct process_resolved answer_of(const struct resolver_answer *found) {
	struct process_resolved answer = {
		.result = found->error == ERR_NOT_FOUND ? PROCESS_FOUND_NONE : PROCESS_FOUND_UNANSWERED};
	_Static_assert((int)RESOLVER_ADDRESSES_MAX <= (int)PROCESS_FOUND_MAX, "there is room");
	for (size_t i = 0; !found->error && i < found->count; i++) {
		const struct address *address = &found->addresses[i];
		answer.items[i].family = address->family;
		memcpy(answer.items[i].bytes, address->bytes, address_size(address));
		answer.count = (uint8_t)(i + 1);
		answer.result = PROCESS_FOUND;
	}
	return answer;
}

static void answered(void *context, const struct resolver_answer *found) {
	struct question *question = context;
	struct control *control = question->control;
	struct process_resolved answer = answer_of(found);
	list_remove(&question->link);
	control->streams->question_count--;
	resolve_cache_put(&control->streams->cache, question->name, clock_now(), found->ttl, &answer);
	answer.id = question->id;
	/* A new process has asked nothing yet. */
	if (control->net_starts == question->net_run)
		send(control, question->slot, &answer);
	free(question);
}

static enum err ask(struct control *control, uint16_t slot, const struct process_resolve *asked) {
	struct control_streams *streams = control->streams;
	if (!control->resolver)
		return ERR_UNSUPPORTED;
	if (streams->question_count >= CONTROL_RESOLVES_MAX)
		return ERR_LIMIT;
	struct question *question = calloc(1, sizeof *question);
	if (!question)
		return ERR_NO_MEMORY;
	*question = (struct question){
		.control = control, .net_run = control->net_starts, .slot = slot, .id = asked->id};
	memcpy(question->name, asked->name, sizeof question->name);
	list_append(&streams->questions, &question->link);
	streams->question_count++;
	enum err error = resolver_ask(control->resolver, asked->name, answered, question);
	if (error) {
		list_remove(&question->link);
		streams->question_count--;
		free(question);
	}
	return error;
}

void control_streams_resolve(struct control *control, const struct process_message *message) {
	const struct process_resolve *asked = &message->resolve;
	struct process_resolved answer = {.id = asked->id};
	if (!control->streams)
		return;
	if (!resolve_cache_find(&control->streams->cache, asked->name, clock_now(), &answer)) {
		enum err error = ask(control, message->tunnel, asked);
		if (!error)
			return;
		answer.result = error == ERR_LIMIT     ? PROCESS_FOUND_LIMIT
						: error == ERR_INVALID ? PROCESS_FOUND_NONE
											   : PROCESS_FOUND_UNANSWERED;
	}
	send(control, message->tunnel, &answer);
}
