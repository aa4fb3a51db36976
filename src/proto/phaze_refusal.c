#include "proto/phaze_refusal.h"

#include <stdio.h>

#include "proto/phaze_sessions.h"

_Static_assert(PHAZE_END_ADDRESS - PHAZE_END_CREDENTIALS ==
			   DEVICE_REJECT_ADDRESS - DEVICE_REJECT_CREDENTIALS);

/* What the server said; DEVICE_ACCEPTED: it did not say anything. */
static enum device_reject reject_of(enum phaze_end end) {
	const bool said = end >= PHAZE_END_CREDENTIALS && end <= PHAZE_END_ADDRESS;
	return said ? (enum device_reject)(end - PHAZE_END_CREDENTIALS + DEVICE_REJECT_CREDENTIALS)
				: DEVICE_ACCEPTED;
}

static void tell(const struct device *device, const struct phaze_refusal *refusal) {
	phaze_sessions_tell(device, phaze_control_only(device), DEVICE_EVENT_REFUSED,
						reject_of(refusal->end), refusal->text);
}

void phaze_refusal_tell_again(const struct device *device, struct phaze_refusal *refusal) {
	refusal->is_there = true;
	tell(device, refusal);
}

void phaze_refusal_tell(const struct device *device, struct phaze_refusal *refusal,
						enum phaze_end end, const char *text) {
	(void)snprintf(refusal->text, sizeof refusal->text, "%s", text);
	refusal->end = end;
	phaze_refusal_tell_again(device, refusal);
}

void phaze_refusal_distrust(const struct device *device, struct phaze_refusal *refusal,
							enum chain_fault fault) {
	phaze_trust_explain(fault, device->settings.server_name, refusal->text);
	refusal->end = PHAZE_END_UNTRUSTED;
	refusal->is_there = refusal->is_untold = true;
	device->host->warn(device->host->context, refusal->text);
}

void phaze_refusal_tell_late(const struct device *device, struct phaze_refusal *refusal) {
	if (!refusal->is_untold)
		return;
	refusal->is_untold = false;
	tell(device, refusal);
}

bool phaze_refusal_is_passing(enum phaze_end end) {
	switch (end) {
	case PHAZE_END_NEEDS_PASSWORD:
	case PHAZE_END_NEEDS_CERTIFICATE:
	case PHAZE_END_CREDENTIALS:
	case PHAZE_END_EXPIRED:
		return false;
	default:
		return true;
	}
}
