#pragma once

#include "proto/phaze_control.h"

/*
 * How a client comes to its server: endpoints in turn, a handshake at a time, for as long as there
 * is no session. Who does not answer in time gives way to the next endpoint; after the last one it
 * waits, longer each time. What only the user can mend is not tried again before something changes.
 * A session whose endpoint is not configured any more goes on until there is another one.
 *
 *   idle --there is someone to dial--> dialling --ServerAccept--> brought --current--> connected
 *     ^                                |   |                                               |
 *     |<-- refused for good -----------'   '-- silence, refused for now --> waiting        |
 *     '<------------------------- the session ends: at once, or after waiting -------------'
 */

enum err phaze_dial_new(struct phaze_dial **out_dial);
void phaze_dial_free(struct phaze_dial *dial); /* wipes it; NULL is fine */

/* What the user logs in with; NULL: no password. */
void phaze_dial_set_password(struct device *device, const struct uapi_password *password);
const struct uapi_password *phaze_dial_password(const struct device *device);

/*
 * What a person says, or NULL: tried beside the session, and kept when it is accepted; what was
 * known before is gone back to otherwise. Where nothing is said, what is known is tried at once.
 */
void phaze_dial_log_in(struct device *device, const char *name,
					   const struct uapi_password *password);
/* Whether there is anything to do so by. */
bool phaze_dial_can_log_in(const struct device *device, bool has_name, bool has_password);

/* Something changed that may help: it is tried at once, if there is no session that may stay. */
void phaze_dial_changed(struct device *device);
/*
 * A ticket came. It takes the place of a login under way, unless that has shown all it has: the
 * server lets it in some time, and would end the session by the ticket for it.
 */
void phaze_dial_offered(struct device *device);
/* The link is down, or this end is no client. */
void phaze_dial_stop(struct device *device);
/* The peer is removed. */
void phaze_dial_forget(struct device *device);

/* A packet of type HANDSHAKE, of anybody's. */
void phaze_dial_receive(struct device *device, uint64_t now,
						const struct phaze_news_datagram *datagram);
/* A connection is no more. */
void phaze_dial_left(struct device *device, uint64_t connection);
void phaze_dial_connected(struct device *device, uint64_t number);
void phaze_dial_ended(struct device *device, const struct phaze_news_session *news);
/* Does what is due; returns when to be called again. */
uint64_t phaze_dial_run(struct device *device, uint64_t now);

/* The server's certificate is not good any more: what there was of it is gone, and this is why. */
void phaze_dial_distrust(struct device *device, enum chain_fault fault);
/* Why the last login was refused; NULL: it was not, or a later one was not. */
const char *phaze_dial_refused(const struct device *device);
