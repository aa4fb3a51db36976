#pragma once

#include <stdint.h>

struct control;
struct control_tunnel;
struct ctl_request;
struct process_message;
struct view_login_request;

/*
 * Who a client logs in as, when a person says it: name and password go to the net process and are
 * kept nowhere else. The question is answered when the server has let the client in, and the
 * interface has what it gives, or has not.
 */

/*
 * Takes the place of one that still waits, of the same tunnel. Without name and password it is by
 * what is known of them: waited for, or tried again where it was refused.
 */
void control_credentials_take(struct control_tunnel *tunnel, struct ctl_request *request,
							  const struct view_login_request *wanted);
/* This host knows of no way to the tunnel's server, or the server did not answer an attempt: who
 * waits is told rather than kept waiting, and the net process goes on. */
void control_credentials_stuck(struct control_tunnel *tunnel);
void control_credentials_unanswered(struct control_tunnel *tunnel);
/* The tunnel's server has let it in, or refused it. */
void control_credentials_event(struct control_tunnel *tunnel,
							   const struct process_message *message);
/* The tunnel's interface has what its server gives. */
void control_credentials_settle(struct control_tunnel *tunnel);
/* Ends what is due, and returns the next deadline. */
uint64_t control_credentials_run(struct control *control, uint64_t now);
/* Another net process is there: what the one before tried it does not know. */
void control_credentials_forgotten(struct control *control);
/* The tunnel is gone, or goes down. */
void control_credentials_drop(struct control_tunnel *tunnel);
