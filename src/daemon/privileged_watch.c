#include "daemon/privileged_watch.h"

#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/privileged.h"
#include "host/network_watch.h"

/* A net process that does not read. */
#define SEND_RETRY (50 * CLOCK_MILLISECOND)

static bool is_own(void *context, uint32_t interface) {
	const struct privileged *privileged = context;
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		const struct attachment *attachment = privileged->attachments[slot];
		if (attachment && attachment->link && link_home_index(attachment->link) == interface)
			return true;
	}
	return false;
}

static void network_readable(void *context, uint32_t events) {
	struct privileged *privileged = context;
	struct privileged_watch *watch = &privileged->watch;
	network_watch_read(watch->network, clock_now());
	if (network_watch_deadline(watch->network) != CLOCK_NEVER)
		watch->changes |= PROCESS_CHANGE_ROUTES;
}

static void clock_readable(void *context, uint32_t events) {
	struct privileged *privileged = context;
	struct privileged_watch *watch = &privileged->watch;
	unsigned news = clock_watch_read(&watch->clock);
	if (news & CLOCK_WATCH_SET)
		watch->changes |= PROCESS_CHANGE_CLOCK;
	if (news & CLOCK_WATCH_RESUMED)
		watch->changes |= PROCESS_CHANGE_RESUMED;
}

static enum err watch_network(struct privileged *privileged) {
	struct privileged_watch *watch = &privileged->watch;
	const struct network_news_filter filter = {.is_own = is_own, .context = privileged};
	enum err error = network_watch_new(&filter, &watch->network);
	if (error)
		return error;
	watch->network_source = (struct loop_source){.ready = network_readable, .context = privileged};
	error = loop_add(privileged->loop, network_watch_descriptor(watch->network), EPOLLIN,
					 &watch->network_source);
	if (!error)
		return ERR_OK;
	network_watch_free(watch->network);
	watch->network = NULL;
	return error;
}

static enum err watch_clock(struct privileged *privileged) {
	struct privileged_watch *watch = &privileged->watch;
	enum err error = clock_watch_open(&watch->clock);
	if (error)
		return error;
	watch->clock_source = (struct loop_source){.ready = clock_readable, .context = privileged};
	error = loop_add(privileged->loop, watch->clock.descriptor, EPOLLIN, &watch->clock_source);
	if (error)
		clock_watch_close(&watch->clock);
	return error;
}

void privileged_watch_open(struct privileged *privileged) {
	struct privileged_watch *watch = &privileged->watch;
	*watch = (struct privileged_watch){.clock.descriptor = -1, .send_again = CLOCK_NEVER};
	enum err error = watch_network(privileged);
	if (error)
		log_warning("the network is not watched, changes are found out later: %s", err_text(error));
	error = watch_clock(privileged);
	if (error)
		log_warning("the clock is not watched, suspension is found out later: %s", err_text(error));
}

void privileged_watch_close(struct privileged *privileged) {
	struct privileged_watch *watch = &privileged->watch;
	if (watch->network)
		loop_remove(privileged->loop, network_watch_descriptor(watch->network));
	network_watch_free(watch->network);
	watch->network = NULL;
	if (watch->clock.descriptor >= 0 && privileged->loop)
		loop_remove(privileged->loop, watch->clock.descriptor);
	clock_watch_close(&watch->clock);
}

/* One that is not ready yet, or ends, is followed by another that starts from what is then. */
static void tell_net(struct privileged *privileged, uint64_t now) {
	struct privileged_watch *watch = &privileged->watch;
	struct process_message message = {.type = PROCESS_NETWORK};
	message.network.changes = watch->unsent;
	watch->send_again = CLOCK_NEVER;
	enum err error = privileged->net.ready
						 ? channel_send(privileged->net.channel, &message, NULL, 0)
						 : ERR_CLOSED;
	if (error == ERR_AGAIN)
		watch->send_again = now + SEND_RETRY;
	else
		watch->unsent = 0;
}

static bool is_due(struct privileged_watch *watch, uint64_t now) {
	/* A clock's jump is nothing that more of the same would follow. */
	bool at_once = watch->changes & ~PROCESS_CHANGE_ROUTES;
	bool settled = watch->network && network_watch_take(watch->network, now);
	/* It may have been told of along with a jump of the clock: then it is told again. */
	if (settled)
		watch->changes |= PROCESS_CHANGE_ROUTES;
	return at_once || settled;
}

void privileged_watch_run(struct privileged *privileged, uint64_t now) {
	struct privileged_watch *watch = &privileged->watch;
	if (is_due(watch, now)) {
		uint8_t changes = watch->changes;
		watch->changes = 0;
		watch->unsent |= changes;
		log_debug("the host changed:%s%s%s", changes & PROCESS_CHANGE_ROUTES ? " network" : "",
				  changes & PROCESS_CHANGE_RESUMED ? " resumed" : "",
				  changes & PROCESS_CHANGE_CLOCK ? " clock set" : "");
		tell_net(privileged, now);
		if (privileged->ops->changed)
			privileged->ops->changed(privileged, changes);
	} else if (now >= watch->send_again) {
		tell_net(privileged, now);
	}
}

uint64_t privileged_watch_deadline(const struct privileged *privileged) {
	const struct privileged_watch *watch = &privileged->watch;
	if (watch->changes & ~PROCESS_CHANGE_ROUTES)
		return 0;
	uint64_t next = watch->network ? network_watch_deadline(watch->network) : CLOCK_NEVER;
	return watch->send_again < next ? watch->send_again : next;
}
