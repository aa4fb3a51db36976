#pragma once

#include <stdint.h>

#include "base/error.h"
#include "ctl/view.h"
#include "daemon/control_users.h"

/*
 * Who logs in, and what became of it: users of the store, whom the net process asks about, and the
 * members that they are in tunnels, each with a lease.
 *
 *   net ──LOGIN──▶ control_logins_queue.c ──right──▶ control_logins_verdict.c ──SET, VERDICT──▶ net
 *   net ──TICKET, USED, EVENT──▶ control_logins_members.c, control_logins_usage.c ──▶ store
 *   the tool ──a user is another──▶ control_logins_members.c ──SET──▶ net
 */

struct channel_message;
struct config_tunnel;
struct control;
struct control_tunnel;
struct directory;
struct directory_peer;
struct store_user;

enum err control_logins_open(struct control *control);
/* All that threads beside the loop are at comes to its end before. */
void control_logins_done(struct control *control);
/* Does what is due, and returns the next deadline. */
uint64_t control_logins_run(struct control *control, uint64_t now);

/* Any message of net; those of logins are taken up. */
void control_logins_hear(struct control *control, const struct channel_message *message);
/* Its session began, or ended with that code. */
void control_logins_began(struct control_tunnel *tunnel, struct directory_peer *member);
void control_logins_ended(struct control_tunnel *tunnel, struct directory_peer *member,
						  uint32_t code);

/* The leases of a tunnel, as its peers. */
enum err control_logins_load(struct control *control, const struct config_tunnel *tunnel,
							 struct directory *directory);
/* In place of control_peers_push(): the device has just begun, or this process has. */
void control_logins_push(struct control_tunnel *tunnel);
/* Another configuration: users of before may be nobody's now. */
void control_logins_recheck(struct control_tunnel *tunnel);
/* Writes what members used to the store. */
void control_logins_flush(struct control *control);

/* Counted of the tunnel since this process began. */
struct view_logins control_logins_figures(const struct control_tunnel *tunnel);

/* The user has become another, as the store has it. */
void control_logins_changed(struct control *control, const struct store_user *user,
							enum control_users_change change);
