#pragma once

#include "proto/stream_protocol.h"

/*
 * Phantom over TLS as a protocol that carries streams: the texts are messages 1 and 2 of its
 * handshake (handshake/phantom.h), and admission is proto/phantom_admission.h.
 */
extern const struct stream_protocol phantom_streams;
