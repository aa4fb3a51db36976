#pragma once

#include "base/clock.h"

/* Numbers and times of WireGuard (whitepaper section 6.1 and the reference implementations). */

#define WIREGUARD_REKEY_AFTER_MESSAGES (UINT64_C(1) << 60)
#define WIREGUARD_REJECT_AFTER_MESSAGES (UINT64_MAX - (UINT64_C(1) << 13))
#define WIREGUARD_REKEY_AFTER_TIME (120 * CLOCK_SECOND)
#define WIREGUARD_REJECT_AFTER_TIME (180 * CLOCK_SECOND)
#define WIREGUARD_REKEY_ATTEMPT_TIME (90 * CLOCK_SECOND)
#define WIREGUARD_REKEY_TIMEOUT (5 * CLOCK_SECOND)
/* Least time between initiations when another endpoint was configured in between. */
#define WIREGUARD_REDIRECT_INTERVAL (1 * CLOCK_SECOND)
/* Between an initiation that was answered with a cookie and the one that carries it. */
#define WIREGUARD_COOKIE_INTERVAL (100 * CLOCK_MILLISECOND)
/*
 * After a change of the network: least time before the first initiation, between tellings of a peer
 * that we dial, and of one that dialled us.
 */
#define WIREGUARD_NETWORK_INTERVAL (100 * CLOCK_MILLISECOND)
#define WIREGUARD_NETWORK_PAUSE (10 * CLOCK_SECOND)
/* A peer is told at once and then again after these, unless something came from it. */
enum { WIREGUARD_ANNOUNCEMENTS = 2 };
#define WIREGUARD_ANNOUNCEMENT_PAUSES \
	{ 250 * CLOCK_MILLISECOND, 750 * CLOCK_MILLISECOND }
/* That there is no way to a peer is told so often. */
#define WIREGUARD_UNREACHABLE_INTERVAL (1 * CLOCK_SECOND)
/* More peers than that of a shard are told in turn, two thousand a second. */
enum { WIREGUARD_ANNOUNCED_AT_ONCE = 16 };
#define WIREGUARD_ANNOUNCED_EVERY (500 * CLOCK_MICROSECOND)
/* After a restart they are sent initiations in turn, five hundred a second. */
#define WIREGUARD_RESUMED_EVERY (2 * CLOCK_MILLISECOND)
#define WIREGUARD_REKEY_JITTER (334 * CLOCK_MILLISECOND)
#define WIREGUARD_KEEPALIVE_TIMEOUT (10 * CLOCK_SECOND)
#define WIREGUARD_NEW_HANDSHAKE_TIMEOUT (WIREGUARD_KEEPALIVE_TIMEOUT + WIREGUARD_REKEY_TIMEOUT)
#define WIREGUARD_WIPE_TIME (3 * WIREGUARD_REJECT_AFTER_TIME)
#define WIREGUARD_ATTEMPTS_MAX ((unsigned)(WIREGUARD_REKEY_ATTEMPT_TIME / WIREGUARD_REKEY_TIMEOUT))
#define WIREGUARD_INITIATION_INTERVAL (20 * CLOCK_MILLISECOND)

/* An initiator renews a session that it still receives on when it has this little time left. */
#define WIREGUARD_LAST_MINUTE \
	(WIREGUARD_REJECT_AFTER_TIME - WIREGUARD_KEEPALIVE_TIMEOUT - WIREGUARD_REKEY_TIMEOUT)
