#include "base/clock.h"
#include "base/log.h"
#include "daemon/privileged.h"

/* Between attempts while the interface is moved, or while the net process does not read. */
#define LINK_RETRY (50 * CLOCK_MILLISECOND)

/* Whoever does not know of it yet hears of the state when it is attached. */
static bool is_known(const struct attachment *attachment) {
	return attachment->phase == ATTACHMENT_ATTACHING || attachment->phase == ATTACHMENT_ATTACHED;
}

void privileged_send_link(struct attachment *attachment) {
	if (!attachment->state_unsent || !is_known(attachment))
		return;
	struct process_message message = {.type = PROCESS_LINK, .tunnel = attachment->slot};
	message.link.mtu = attachment->state.mtu;
	message.link.up = attachment->state.up;
	enum err error = channel_send(attachment->privileged->net.channel, &message, NULL, 0);
	if (error == ERR_AGAIN)
		attachment->link_at = clock_now() + LINK_RETRY;
	else
		attachment->state_unsent = false;
}

static bool accept_mtu(struct attachment *attachment, uint32_t mtu) {
	const uint32_t most = ATTACHMENT_MTU_MAX - attachment->request.more;
	const bool small = mtu < PROCESS_MTU_MIN;
	const bool large = mtu > most;
	if (!small && !large) {
		attachment->refused_mtu = 0;
		return true;
	}
	if (mtu != attachment->refused_mtu && small)
		log_error("%sMTU %u is too small, the tunnel stays at %u", attachment->prefix, mtu,
				  attachment->state.mtu);
	else if (mtu != attachment->refused_mtu)
		log_error("%sMTU %u is more than the %u that fit a datagram, the tunnel stays at %u",
				  attachment->prefix, mtu, most, attachment->state.mtu);
	attachment->refused_mtu = mtu;
	return false;
}

static void limit_large_packets(struct attachment *attachment) {
	uint32_t mtu = attachment->state.mtu;
	if (mtu == attachment->limited_mtu || !attachment->tun.tcp)
		return;
	uint32_t overhead = ATTACHMENT_OVERHEAD + attachment->request.more;
	enum err error = link_configure(attachment->link, 0, link_gso_size(mtu, overhead));
	/* While it is moved or renamed nothing can be set: there are news of it afterwards. */
	if (error == ERR_AGAIN || error == ERR_NO_DEVICE)
		return;
	attachment->limited_mtu = mtu;
	/* Works all the same, one read then takes two sends. */
	if (error)
		log_debug("%sthe interface's gso_max_size could not be set: %s", attachment->prefix,
				  err_text(error));
}

void privileged_refresh_link(struct attachment *attachment) {
	struct link_state state;
	if (!attachment_has_interface(attachment))
		return;
	enum err error = link_refresh(attachment->link, &state);
	uint64_t interval = link_poll_interval(attachment->link); /* of where it is now */
	if (error == ERR_NO_DEVICE) {
		log_info("%sthe interface was deleted", attachment->prefix);
		attachment->link_at = CLOCK_NEVER;
		attachment->gone = true;
		attachment->privileged->ops->gone(attachment->privileged, attachment);
		return;
	}
	if (error) {
		if (error != ERR_AGAIN)
			log_error("%sthe interface's state could not be read: %s", attachment->prefix,
					  err_text(error));
		attachment->link_at = clock_now() + (error == ERR_AGAIN ? LINK_RETRY : CLOCK_SECOND);
		return;
	}
	attachment->link_at = interval > 0 ? clock_now() + interval : CLOCK_NEVER;
	struct link_state *known = &attachment->state;
	if (!accept_mtu(attachment, state.mtu))
		state.mtu = known->mtu;
	if (state.mtu != known->mtu || state.up != known->up) {
		*known = state;
		attachment->state_unsent = true;
	}
	limit_large_packets(attachment);
	privileged_send_link(attachment);
}
