#pragma once

#include <stdint.h>

#include "daemon/net.h"
#include "proto/device.h"

/* Logins of a tunnel device: its questions as messages to the control process, the verdicts back.
 */

/* As device_host.login. */
enum err device_logins_ask(const struct net_callbacks *callbacks, const struct device_login *login);
void device_logins_abandon(const struct net_callbacks *callbacks, uint64_t id);
/* As device_host.ticket. */
enum err device_logins_ticket(const struct net_start *start, const struct device_ticket *ticket);
/* As device_host.used. */
enum err device_logins_used(const struct net_start *start,
							const uint8_t public_key[static X25519_KEY_SIZE], uint64_t bytes);

void device_logins_judge(const struct device_ops *ops, struct device *device,
						 const struct process_verdict *verdict);
