#pragma once

#include "engine/protocol.h"

/*
 * Phaze for the engine: its sessions. Handshakes go to the control thread and come from there.
 * Packets name our key by the header's session id, whose low four bits are the number of the
 * owner's shard, or of one that passes on.
 */
extern const struct protocol_ops phaze_protocol;
