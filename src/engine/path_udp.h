#pragma once

#include "engine/peer.h"

/* Straight to the peer's UDP endpoint. */
extern const struct path_ops path_udp_ops;
