#pragma once

#include "handshake/phaze_client.h"
#include "proto/phaze_control.h"
#include "proto/phaze_trust.h"

/* Why a client's last login came to nothing: kept for who asks, and told as an event. */

enum { PHAZE_REFUSAL_TEXT_SIZE = PHAZE_TRUST_TEXT_SIZE };

/* Zeroed there is none. */
struct phaze_refusal {
	bool is_there;
	bool is_untold; /* this end found it outside of device_ops.run */
	enum phaze_end end;
	char text[PHAZE_REFUSAL_TEXT_SIZE];
};

/* From inside device_ops.run. */
void phaze_refusal_tell(const struct device *device, struct phaze_refusal *refusal,
						enum phaze_end end, const char *text);
/* The last one, which holds again. */
void phaze_refusal_tell_again(const struct device *device, struct phaze_refusal *refusal);

/* The server's certificate is not good any more: logged at once, and told by tell_late. */
void phaze_refusal_distrust(const struct device *device, struct phaze_refusal *refusal,
							enum chain_fault fault);
/* From inside device_ops.run: what could not be told where it was found. */
void phaze_refusal_tell_late(const struct device *device, struct phaze_refusal *refusal);

/* What a repetition may mend without anybody's doing. */
bool phaze_refusal_is_passing(enum phaze_end end);
