#pragma once

#include <stdbool.h>

#include "tunnel/fake_carrier.h"
#include "tunnel/uplink.h"

/* An uplink that has one connection, and gives and refuses as the test says. */

struct uplink {
	struct fake_carriers *carriers;
	enum refusal refusal; /* REFUSAL_COUNT: none */
	bool is_waiting;      /* wishes wait until fake_uplink_go_on() */
	unsigned opened, refused;
	struct list wishes, watches;
};

void fake_uplink_init(struct uplink *uplink, struct fake_carriers *carriers);
/* Nobody may wait any more. */
void fake_uplink_done(struct uplink *uplink);
void fake_uplink_go_on(struct uplink *uplink);
/* Those who wait for a connection may want one again. */
void fake_uplink_again(struct uplink *uplink);
