#pragma once

#include "base/error.h"
#include "crypto/tls.h"

/*
 * The table of crypto/tls.h for a connection without TLS: bytes pass as they are, it is open at
 * once, and close_notify is nothing. For a server that finds another protocol on its port and has
 * to answer all the same. There is no exporter (ERR_UNSUPPORTED), and no ticket.
 */

/* protocol: what facts() says of ALPN, shorter than TLS_PROTOCOL_SIZE_MAX. ERR_NO_MEMORY. */
enum err no_tls_new(const char *protocol, struct tls *out_tls);
