#pragma once

#include "proto/phaze_control.h"

/*
 * The one ticket of each member, or of a client's server: given out with a session, and the only
 * valid one from when that is current, which the peer's owner decides. The host keeps it for the
 * next run of the daemon, a record for the next one of this process.
 */

/*
 * What a member is told when it is let in, with a new ticket where there can be one; that is the
 * pass's then, which says of which login. ERR_LIMIT where it is too much.
 */
enum err phaze_tickets_give(const struct device *device, const struct phaze_member *member,
							struct phaze_pass *pass, bool *out_has_ticket,
							struct parameters *out_parameters);
/* The peer's from now on; that of before is none any more. NULL: it has none. */
void phaze_tickets_set(struct device *device, struct phaze_member *member,
					   const struct phaze_pass *pass);
/*
 * What a client's handshake brought. pass is of which login: filled in of this one, by the server's
 * certificate; or that of the ticket which was shown. The ticket lasts no longer than such a login
 * may, whatever the server says; a resumption's comes behind the one that was shown, and both are
 * kept before the server hears of the session. Whether there is one.
 */
bool phaze_tickets_brought(struct device *device, const struct chain_mark *mark,
						   const struct phaze_established *established, uint32_t seconds,
						   struct phaze_pass *pass);
/* A client has heard its server in a session by a ticket: which one is good is known. */
void phaze_tickets_heard(struct device *device, struct phaze_member *member,
						 const struct phaze_news_session *news);
/* What the host kept: nothing where this run knows better, or where it is none. */
void phaze_tickets_offer(struct device *device, struct phaze_member *member,
						 const struct uapi_ticket *ticket);
/* The member whose ticket it is, and may still be used; NULL: nobody's. */
struct phaze_member *phaze_tickets_find(const struct device *device,
										const uint8_t id[static PHAZE_TICKET_ID_SIZE]);
/* Whether it may be used, as far as time and certificates go. */
bool phaze_tickets_is_good(const struct device *device, const struct phaze_member *member);
/* Those that a client has of its server, and may use, in that order; NULL: there are not so many.
 */
const struct phaze_ticket *phaze_tickets_nth(const struct device *device,
											 const struct phaze_member *member, size_t n);
/* Tells what could not be told; returns when to be called again. */
uint64_t phaze_tickets_run(struct device *device, uint64_t now);
/* The peer is removed. */
void phaze_tickets_forget(struct device *device, struct phaze_member *member);
/* All are worth nothing: their key changed. */
void phaze_tickets_drop_all(struct device *device);

void phaze_tickets_save(const struct device *device, const struct phaze_member *member);
enum err phaze_tickets_restore(struct device *device, struct slice record);
