#pragma once

#include <stdbool.h>

#include "daemon/net.h"

/*
 * Processes of a daemon with tunnels of streams that strangers have taken over while it runs. What
 * they try and what came of it are lines of the log that begin with "hostile ".
 */

/*
 * Tunnels of streams that work, where the protocol is such a one's; otherwise NULL. In a hostile
 * net process they attack when they are told to: by SIGUSR2 with the number of the attack, which is
 * its line in what hostile_net_list() prints.
 */
const struct net_device_ops *hostile_net_find(const char *protocol, bool hostile);
/* Before the process enters its sandbox. */
void hostile_net_listen(void);
/* The names of net's attacks, one a line. */
void hostile_net_list(void);
/* hostile_settings.c: settings of the interface in slot 0, as if its server had said so. */
void hostile_settings(void);
/*
 * A client's device that reaches nobody, in every net process: told by SIGUSR2 with a number, it
 * says what the server is to have said. After that it writes "hostile end of word".
 */
const struct net_device_ops *hostile_settings_find(const char *protocol);
void hostile_settings_listen(void);

/*
 * A control process, inside its sandbox, that asks the others for what is not its own, and then
 * breaks another rule with every stranger who comes, to the end of the list. UMBRA_ATTACK_TUNNEL is
 * the name of the tunnel of streams.
 */
void hostile_control(void);

/* Of compromised.c: asks the privileged process and tells what it answered; text may be NULL. */
struct process_message;
void compromised_ask(struct process_message *message, const char *text);
