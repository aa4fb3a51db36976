#pragma once

#include "proto/phaze_control.h"

/*
 * What handshakes lead to, as the control thread sees it: sessions that were brought to a peer's
 * owner, and what the owner tells of them; who is connected, what members used, and when they are
 * ended.
 */

struct stream_link;

/* A handshake's end. */
struct phaze_offer {
	struct phaze_member *member;
	const struct phaze_established *established;
	const struct phaze_way *way;    /* whom it was with */
	const struct parameters *tells; /* what the server said */
	const uint8_t *used;            /* the id of the ticket that is used up, or NULL */
	bool has_ticket;                /* a new one: */
	const struct phaze_pass *pass;  /* that, and in any case of which login */
	struct stream_link *link; /* its connection, taken over also on failure; NULL: datagrams */
};

/*
 * To the owner, before the packet that tells the other end. ERR_NO_MEMORY. out_number: what news
 * call it.
 */
enum err phaze_sessions_offer(struct device *device, const struct phaze_offer *offer,
							  uint64_t *out_number);

/* Whether a member's session by a ticket waits to be heard. */
bool phaze_sessions_pends(const struct device *device, const struct phaze_member *member);

/* An owner's news of one. */
void phaze_sessions_news(struct device *device, const struct phaze_news_session *news);

/* All of a member's end with that code, and its ticket is none any more; to be committed. */
void phaze_sessions_end(struct device *device, struct phaze_member *member,
						enum phaze_close_code code);
/* Its session ends with that code, and its ticket stays; to be committed. */
void phaze_sessions_close(struct device *device, struct phaze_member *member,
						  enum phaze_close_code code);
/* The peer is removed. */
void phaze_sessions_forget(struct device *device, struct phaze_member *member);
/* Whom authorities and lists do not vouch for any more is ended. */
void phaze_sessions_recheck(struct device *device);
/* So many bytes more, from now on. PHAZE_NO_QUOTA: any number. */
void phaze_sessions_set_quota(struct device *device, struct phaze_member *member, uint64_t left);

/* Ends those whose time is over, tells what was used; returns when to be called again. */
uint64_t phaze_sessions_run(struct device *device, uint64_t now);
void phaze_sessions_done(struct device *device);

/* An event of a peer; from inside device_ops.run alone. */
void phaze_sessions_tell(const struct device *device, const struct phaze_member *member,
						 enum device_event_kind kind, uint32_t count, const char *text);
