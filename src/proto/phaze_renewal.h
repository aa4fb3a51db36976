#pragma once

#include <stddef.h>

#include "proto/phaze_peer.h"

/* How keys of the current session follow one another on the shard: REKEY packets both ways. */

/* Client: begins, unless that is under way. */
void phaze_renewal_begin(struct phaze_peer *peer);
/* Client: begins where the newest key is used up. */
void phaze_renewal_look(struct phaze_peer *peer);
/* Server: asks its client to begin. */
void phaze_renewal_ask(struct phaze_peer *peer);
/* Something opened under the key, before anything is made of it. */
void phaze_renewal_opened(struct phaze_peer *peer, const struct phaze_key *key);
/* What was in a REKEY that opened under the key. */
void phaze_renewal_take(struct phaze_peer *peer, const struct phaze_key *key, const uint8_t *data,
						size_t size);
/* PHAZE_TIMER_REKEY */
void phaze_renewal_expired(struct phaze_peer *peer);
