#pragma once

#include "engine/protocol.h"

/* WireGuard as the engine sees it. */
extern const struct protocol_ops wireguard_protocol;

/* Whitepaper section 5.4: labels of the keys for mac1 and for cookies. */
#define WIREGUARD_MAC1_LABEL "mac1----"
#define WIREGUARD_COOKIE_LABEL "cookie--"
