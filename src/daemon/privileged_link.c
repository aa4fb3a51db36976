#include "daemon/privileged.h"

#include "base/clock.h"
#include "base/log.h"

/* Between attempts while the interface is moved, or while the net process does not read. */
#define LINK_RETRY (50 * CLOCK_MILLISECOND)

void privileged_send_link(struct privileged *privileged) {
	if (!privileged->state_unsent || privileged->net.channel < 0)
		return;
	struct process_message message = {.type = PROCESS_LINK};
	message.link.mtu = privileged->state.mtu;
	message.link.up = privileged->state.up;
	enum err error = channel_send(privileged->net.channel, &message, NULL, 0);
	if (error == ERR_AGAIN)
		privileged->link_at = clock_now() + LINK_RETRY;
	else
		privileged->state_unsent = false;
}

static bool accept_mtu(struct privileged *privileged, uint32_t mtu) {
	bool small = mtu<PROCESS_MTU_MIN, large = mtu> PRIVILEGED_MTU_MAX;
	if (!small && !large) {
		privileged->refused_mtu = 0;
		return true;
	}
	if (mtu != privileged->refused_mtu)
		log_error("MTU %u is %s, the tunnel stays at %u", mtu,
				  large ? "more than the 65475 that fit a datagram" : "too small",
				  privileged->state.mtu);
	privileged->refused_mtu = mtu;
	return false;
}

static void limit_large_packets(struct privileged *privileged) {
	uint32_t mtu = privileged->state.mtu;
	if (mtu == privileged->limited_mtu || !privileged->tun.tcp)
		return;
	privileged->limited_mtu = mtu;
	enum err error = link_configure(privileged->link, 0, link_gso_size(mtu, PRIVILEGED_OVERHEAD));
	/* Works all the same, one read then takes two sends. */
	if (error)
		log_debug("the interface's gso_max_size could not be set: %s", err_text(error));
}

void privileged_refresh_link(struct privileged *privileged) {
	struct link_state state;
	enum err error = link_refresh(privileged->link, &state);
	uint64_t interval = link_poll_interval(privileged->link); /* of where it is now */
	if (error == ERR_NO_DEVICE) {
		log_info("the interface was deleted");
		privileged->ending = true;
		return;
	}
	if (error) {
		if (error != ERR_AGAIN)
			log_error("the interface's state could not be read: %s", err_text(error));
		privileged->link_at = clock_now() + (error == ERR_AGAIN ? LINK_RETRY : CLOCK_SECOND);
		return;
	}
	privileged->link_at = interval > 0 ? clock_now() + interval : CLOCK_NEVER;
	struct link_state *known = &privileged->state;
	if (!accept_mtu(privileged, state.mtu))
		state.mtu = known->mtu;
	if (state.mtu != known->mtu || state.up != known->up) {
		*known = state;
		privileged->state_unsent = true;
	}
	limit_large_packets(privileged);
	privileged_send_link(privileged);
}
