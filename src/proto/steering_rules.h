#pragma once

#include "base/steering_rule.h"

/*
 * Those of all protocols that carry packets in datagrams, as tunnels of several may share a port.
 * The low four bits name the shard, as everywhere (engine/index_table.h).
 */
enum { STEERING_RULES = 9 };

extern const struct steering_rule steering_rules[STEERING_RULES];
