#pragma once

#include "engine/protocol.h"

/*
 * Mighty for the engine. Packets behind the handshake's name our key by the header's session id,
 * whose low four bits (of wire byte 3) are the number of the owner's shard.
 */
extern const struct protocol_ops mighty_protocol;
