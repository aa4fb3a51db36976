#pragma once

#include "ctl/server.h"

/* Users in the control API: who may log in, with what allowance. */

struct control;

/* What happened to a user, for who has its sessions: control_logins_changed(). */
enum control_users_change {
	CONTROL_USERS_LIMITS,   /* its groups, expiry, quota, rate or devices are others now, or it may
							   log in again */
	CONTROL_USERS_LOCKED,   /* it was disabled, or its password is another, which store_users_lock()
							   was told: sessions end, tickets are void; leases stay */
	CONTROL_USERS_REMOVING, /* it goes, with its leases and tickets, which are still in the store */
};

/* CTL_USERS, CTL_USER, CTL_USER_ADD, CTL_USER_CHANGE, CTL_USER_REMOVE. */
void control_users_ask(struct control *control, struct ctl_request *request,
					   const struct ctl_question *question);
