#pragma once

#include "ctl/view.h"
#include "daemon/channel.h"

struct control;

/*
 * The step between this host's programs and name servers (transport/dns/forwarder_io.h), with the
 * sockets that the privileged process gives, while a tunnel needs it.
 */

struct control_dns_step;

/* A name server for the next step. */
void control_dns_step_upstream(struct control *control, struct channel_message *message);
/* From now on, instead of the one before; without descriptors: no more. */
void control_dns_step_start(struct control *control, struct channel_message *message);
/* All steps' since this process was started. */
struct view_dns_step control_dns_step_figures(const struct control *control);
void control_dns_step_done(struct control *control);
