#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/privileged_parts.h"
#include "daemon/shared_text.h"

/* How long a net process that has much to do may leave no room; the next ones do not wait. */
#define ROOM_TIMEOUT (200 * CLOCK_MILLISECOND)

struct asked {
	struct list link;
	uint16_t request;
	uint64_t deadline; /* ns */
	void (*done)(void *context, int number, const char *text);
	void *context;
};

static struct asked *find(struct privileged *privileged, uint16_t request) {
	list_for_each (link, &privileged->asked) {
		struct asked *asked = list_item(link, struct asked, link);
		if (asked->request == request)
			return asked;
	}
	return NULL;
}

static void finish(struct privileged *privileged, struct asked *asked, int number,
				   const char *text) {
	list_remove(&asked->link);
	privileged->asked_count--;
	if (asked->done)
		asked->done(asked->context, number, text);
	free(asked);
}

static uint16_t next_request(struct privileged *privileged) {
	do
		privileged->last_request++;
	while (privileged->last_request == 0 || find(privileged, privileged->last_request));
	return privileged->last_request;
}

/* One that never makes room reads nothing any more. */
static void note_room(struct privileged *privileged, enum err error) {
	uint64_t now = clock_now();
	if (error != ERR_EXPIRED) {
		privileged->no_room_since = 0;
	} else if (privileged->no_room_since == 0) {
		privileged->no_room_since = now;
	} else if (now >= privileged->no_room_since + PRIVILEGED_ANSWER_TIMEOUT) {
		log_error("the net process does not read");
		privileged_give_up_net(privileged);
	}
}

enum err privileged_ask_net(struct privileged *privileged, struct process_message *message,
							const int *descriptors, size_t count,
							void (*done)(void *context, int number, const char *text),
							void *context) {
	if (!privileged->net.ready || privileged->net.channel < 0)
		return ERR_CLOSED;
	if (privileged->asked_count >= PRIVILEGED_ASKED_MAX)
		return ERR_LIMIT;
	struct asked *asked = malloc(sizeof *asked);
	if (!asked)
		return ERR_NO_MEMORY;
	*asked = (struct asked){.done = done, .context = context};
	asked->deadline = clock_now() + PRIVILEGED_ANSWER_TIMEOUT;
	asked->request = message->request = next_request(privileged);
	uint64_t patience = privileged->no_room_since ? 0 : ROOM_TIMEOUT;
	enum err error = channel_send_until(privileged->net.channel, message, descriptors, count,
										clock_now() + patience);
	note_room(privileged, error);
	if (error) {
		free(asked);
		return error == ERR_EXPIRED ? ERR_AGAIN : error;
	}
	list_append(&privileged->asked, &asked->link);
	privileged->asked_count++;
	return ERR_OK;
}

enum err privileged_set(struct privileged *privileged, const struct attachment *attachment,
						struct slice text,
						void (*done)(void *context, int number, const char *text), void *context) {
	int descriptor;
	enum err error = shared_text_new(text, &descriptor);
	if (error)
		return error;
	struct process_message message = {.type = PROCESS_SET, .tunnel = attachment->slot};
	error = privileged_ask_net(privileged, &message, &descriptor, 1, done, context);
	(void)close(descriptor);
	return error;
}

bool privileged_take_result(struct privileged *privileged, const struct process_message *result) {
	struct asked *asked = find(privileged, result->request);
	if (!asked)
		return false;
	finish(privileged, asked, (int)result->result.error, result->result.text);
	return true;
}

void privileged_fail_asked(struct privileged *privileged) {
	/* Nobody can ask anew meanwhile: no net process is ready. */
	while (!list_is_empty(&privileged->asked)) {
		struct asked *asked = list_item(privileged->asked.next, struct asked, link);
		finish(privileged, asked, EPIPE, "the net process ended");
	}
}

uint64_t privileged_asked_deadline(const struct privileged *privileged) {
	if (list_is_empty(&privileged->asked))
		return CLOCK_NEVER;
	/* All wait equally long, so the first is the earliest. */
	return list_item(privileged->asked.next, struct asked, link)->deadline;
}

void privileged_asked_expired(struct privileged *privileged) {
	list_for_each (link, &privileged->asked)
		list_item(link, struct asked, link)->deadline = CLOCK_NEVER;
}

void privileged_abandon_asked(struct privileged *privileged, const void *context) {
	list_for_each (link, &privileged->asked) {
		struct asked *asked = list_item(link, struct asked, link);
		if (asked->context == context)
			asked->done = NULL;
	}
}

void privileged_forget_asked(struct privileged *privileged) {
	for (struct list *first; (first = list_take_first(&privileged->asked)) != NULL;)
		free(list_item(first, struct asked, link));
	privileged->asked_count = 0;
}
